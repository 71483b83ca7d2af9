"""The common part of recipes that take an encoder-decoder out of a user's folder: two graphs beside transformers."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.repository.manifest import Batching, Metric, Variant
from app.runtimes.onnx_weights import weights_beside
from app.tasks.passages import parts_of as passages_of
from app.tasks.sequence_kernel import LANGUAGE, TEXT, SequenceKernel
from training.card.prose import Prose
from training.data.own.generation_settings import settings_of
from training.data.own.sequence_model import OwnSequenceModel, language_tokens, special_form
from training.errors import TrainingError, progress
from training.graphs.beside_generate import beside_generate
from training.graphs.products import DecoderProducts, Fp32DecoderProducts, RowInt8Products
from training.graphs.sequence_model import write_text_encoder, write_token_step
from training.graphs.sequences_alike import beside_fp32
from training.networks.sequence_models import SequenceNetwork, parts_of
from training.recipe import Draft, Example, Run

TOKENIZER = "tokenizer.json"
MAIN, OTHER = "fp32", "int8"
PRODUCTS: Mapping[str, DecoderProducts] = {MAIN: Fp32DecoderProducts(), OTHER: RowInt8Products()}
LEAST_AGREEMENT = 0.95  # of the likeliest tokens, for 8 bits to be published beside fp32
USUAL_CONTEXT, LONGEST_CONTEXT = 512, 1024  # tokens, where a model has no table of positions, and at most
ROWS = 64  # of a step: in fp32 they take a fifth less time each than 32 do
FEW = 4  # texts of a tiny run, and golden examples
PROSE = Prose(__name__)


def config_of(model: OwnSequenceModel, prefix: str) -> dict[str, Any]:
    """The settings of the kernel but for languages, as the model and its tokenizer have them. Raises TrainingError."""
    settings = settings_of(model.network)
    before, after = special_form(model.reader)
    languages = language_tokens(model.reader)
    own = languages and model.reader.convert_tokens_to_ids(model.reader.src_lang)
    form = [LANGUAGE if one == own else one for one in before] + [TEXT]
    form += [LANGUAGE if one == own else one for one in after]
    if languages:  # the first token of an answer tells in which language it is
        settings["answer_form"] = [settings["start_id"], LANGUAGE]
    return {
        "tokenizer": TOKENIZER,
        "context": context_of(model),
        "prefix": prefix,
        "source_form": form,
        **settings,
    }


def context_of(model: OwnSequenceModel) -> int:
    """The most tokens of a source and of an answer: what was learned, and LONGEST_CONTEXT at most."""
    config: Any = model.network.config
    stated = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    return min(int(stated or USUAL_CONTEXT), LONGEST_CONTEXT)


def prefix_of(model: OwnSequenceModel, asked: str | None, name: str) -> str:
    """The text that was asked for, or what the model's configuration puts before texts of the task `name`."""
    tasks: Mapping[str, Mapping[str, Any]] = getattr(model.network.config, "task_specific_params", None) or {}
    return asked if asked is not None else str(tasks.get(name, {}).get("prefix", ""))


def draft(
    model: OwnSequenceModel,
    run: Run,
    kernel_of: Callable[[Mapping[str, Path]], SequenceKernel],
    *,
    languages: Sequence[str] = (),
    description: str,
) -> Draft:
    """Write the graphs, and compare them with transformers on real texts. Raises TrainingError if they differ.

    `languages`: those of a source and of its answer, as the model calls them, if it knows several.
    """
    path = run.workdir / TOKENIZER
    model.tokenizer.save(str(path))
    kernel = kernel_of({TOKENIZER: path})
    texts = PROSE.items("Texts")[: FEW if run.tiny else None]
    tokens = language_tokens(model.reader)
    read, written = (tokens.get(one) for one in languages) if tokens else (None, None)
    sources = [kernel.ids(text, read) for text in texts]
    if languages and tokens:
        model.reader.src_lang = next(
            token for token in model.reader.all_special_tokens if token.strip("_") == languages[0]
        )
    for text, ids in zip(texts, sources, strict=True):
        if ids != model.reader(kernel.config.prefix + text).input_ids:
            raise TrainingError(f"the tokenizer cannot be served: it reads this otherwise than transformers: {text}")
    network = parts_of(model.network)
    graphs = write_graphs(network, run.workdir, MAIN)
    rows = [kernel.row(ids, written) for ids in sources if len(ids) <= kernel.context]
    if not rows:
        raise TrainingError(f"{model.name} reads {kernel.context} tokens, too few for any text of the comparison")
    exported, same = beside_generate(model.network, graphs, kernel, rows)
    if same < len(rows):
        raise TrainingError(
            f"the graphs write otherwise than transformers after {len(rows) - same} of {len(rows)} texts"
        )
    examples = [text for text, ids in zip(texts, sources, strict=True) if len(ids) <= kernel.context][:FEW]
    metrics, variants = list[Metric](), dict[str, Variant]()
    files = {TOKENIZER: path}
    for one in graphs.values():
        files |= {one.name: one, **weights_beside(one)}
    if run.variants:
        others = write_graphs(network, run.workdir, OTHER)
        alike = beside_fp32(kernel, rows, graphs, others)
        metrics.append(_agreement(alike.agreement, len(rows)))
        read_texts = [text for text, ids in zip(texts, sources, strict=True) if len(ids) <= kernel.context]
        shared = [text for i, text in enumerate(read_texts) if i in alike.same and _is_one_sentence(text)]
        if alike.agreement < LEAST_AGREEMENT or not shared:  # a golden example is for all
            progress(f"not published in 8 bits, in which it finds {alike.agreement:.1%} of the tokens of fp32")
        else:
            examples = shared[:FEW]
            files |= {one.name: one for one in others.values()}
            named = {name: one.name for name, one in others.items()}
            variants[OTHER] = Variant(runtime="onnx", precision="int8", graphs=named)
    beams = model.network.generation_config.num_beams or 1
    return Draft(
        description=description,
        licence=model.source.licence,
        files=files,
        graphs={name: one.name for name, one in graphs.items()},
        variants=variants,
        config=kernel.config.model_dump(),
        batching=Batching(max_batch_size=ROWS),
        exported=exported,
        metrics=[
            Metric(
                name="writes_as_transformers",
                value=same / len(rows),
                dataset="texts of the recipe",
                split=f"the fp32 graphs, {len(rows)} texts, greedily up to the end",
            ),
            *metrics,
        ],
        sources=[model.source],
        examples=[Example({"text": text}) for text in examples],
        limits=[*PROSE.items("Limits"), *([PROSE.text("Beams", beams=beams)] if beams > 1 else [])],
        notes=PROSE.text("Notes", context=kernel.context),
        has_own_data=True,
    )


def write_graphs(network: SequenceNetwork, folder: Path, name: str) -> dict[str, Path]:
    """The encoder and a step of the decoder with the products of this name."""
    products, suffix = PRODUCTS[name], "" if name == MAIN else f".{name}"
    return {
        "encoder": write_text_encoder(network, folder / f"encoder{suffix}.onnx", products),
        "decoder": write_token_step(network, folder / f"decoder{suffix}.onnx", products),
    }


def _agreement(value: float, texts: int) -> Metric:
    split = f"{texts} texts: the tokens of the fp32 graphs that are the likeliest in 8 bits, too"
    return Metric(name="int8_agreement", value=value, dataset="texts of the recipe", split=split)


def _is_one_sentence(text: str) -> bool:
    return [part.text for part in passages_of(text) if part.is_said] == [text]
