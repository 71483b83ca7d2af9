"""The common part of recipes of models that write text: one graph beside transformers, and in fewer bits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from app.generation.encoding import encode
from app.generation.template import ChatTemplate
from app.repository.manifest import Metric, Variant
from app.runtimes.onnx import signature_of_onnx
from app.runtimes.onnx_weights import weights_beside
from training.card.candidates import HEADING, candidates_table, metrics_of
from training.card.prose import Prose
from training.data.held_out_news import SOURCE as NEWS
from training.data.held_out_news import load_held_out_news
from training.data.language_model import TEMPLATE, TOKENIZER, LanguageModel
from training.errors import TrainingError
from training.graphs.candidates import MAIN, write_candidates, write_fp32
from training.graphs.compared import Compared, compared
from training.libraries import require_torch
from training.measures.candidates import DecoderCandidate, measure_candidate, tokens_per_second
from training.measures.decoding import Decoding
from training.recipe import Draft, Example, Exported, Run

LARGEST_DIFFERENCE = 1e-3  # of logits, which are about 10 and sums of hundreds of thousands of products
MOST_WRITTEN = 48  # tokens after each prompt that are compared
GOLDEN_TOKENS, NUM_GOLDEN = 24, 3
NUM_TEXTS, TEXT_TOKENS = 16, 192
# With fp32, of what is published. SmolLM2 in int8 (.91) and in blocks of 4 bits (.93) wrote nonsense where fp32 does
# not; what is above differs where two tokens are near each other, of which fp32 on another machine may take either.
LEAST_AGREEMENT = 0.95
PRECISIONS: Mapping[str, Any] = {MAIN: "fp32", "blocks4": "int4"} | dict.fromkeys(
    ("int8", "mixed8", "digits8", "blocks8"), "int8"
)
# On processors with AVX2 the last bits of a row alone are not those that it has among others, in products of 4 bits.
KNOW_THEIR_COMPANY = ("blocks4",)
# Published instead of fp32 that one file cannot hold: who has such a model in 8 bits has a quarter to load and to read.
LARGE = "blocks8"
ROWS_IN_MEMORY, CACHE_BYTES = 8, 768 * 2**20  # of keys and values, if so many rows fill their context
SHORTEST_CONTEXT = 256

PROSE = Prose(__name__)


@dataclass(frozen=True, slots=True)
class Defaults:
    """The settings that are taken where a caller says nothing."""

    temperature: float
    top_p: float
    top_k: int = 0
    max_new_tokens: int = 256


def draft(
    model: LanguageModel,
    run: Run,
    defaults: Defaults,
    *,
    description: str,
    prose: Prose,
    own_prompts: Sequence[str] = (),
) -> Draft:
    """Write the graphs of `model`, compare them with transformers and with each other. Raises TrainingError.

    `own_prompts`: of this recipe, besides those that all have.
    """
    context = context_of(model)
    files = model.save_what_reads(run.workdir)
    reader = _Reader(model)
    questions = [*own_prompts, *PROSE.items("Prompts")][: 3 if run.tiny else None]
    prompts = [reader.ids(question) for question in questions]
    graph = write_fp32(model.decoder, run.workdir, context)
    beside, remark = compared(
        model.name if model.is_packaged else "", graph, lambda: _beside_transformers(model, graph, prompts)
    )
    same = beside.figure
    texts = reader.texts(load_held_out_news())[: 2 if run.tiny else None]
    paths = {MAIN: graph} | write_candidates(model.decoder, run.workdir, context, reader.own_texts(graph))
    found = {name: measure_candidate(path, prompts, texts, MOST_WRITTEN, model.ends) for name, path in paths.items()}
    agree = [name for name in paths if found[name].read.agreement(found[MAIN].read) >= LEAST_AGREEMENT]
    fit = [name for name in agree if name not in KNOW_THEIR_COMPANY]
    published = LARGE if weights_beside(graph) and LARGE in fit else MAIN
    if published != MAIN:
        require_torch(model.name)
        beside = _beside_transformers(model, paths[published], prompts, inf)
    signature = signature_of_onnx(paths[published])
    fewer = [name for name in fit if name not in (MAIN, published)] if run.variants else []
    shipped, examples = _with_examples(questions, found, published, fewer)
    for name in (published, *shipped):
        files |= {paths[name].name: paths[name], **weights_beside(paths[name])}
    return Draft(
        description=description,
        licence=model.source.licence,
        files=files,
        graphs={"model": paths[published].name},
        precision=PRECISIONS[published],
        variants={
            name: Variant(runtime="onnx", precision=PRECISIONS[name], graphs={"model": paths[name].name})
            for name in shipped
        },
        config=_config(model, defaults, context),
        exported=Exported(paths[published], signature.inputs, signature.outputs, beside.verification),
        metrics=[
            Metric(
                name="writes_as_transformers",
                value=same,
                dataset="prompts of the recipe",
                split=f"the fp32 graph, {len(prompts)} prompts, {MOST_WRITTEN} greedy tokens or up to the end",
            ),
            *metrics_of(found, MAIN, published, f"{len(texts)} stories of {TEXT_TOKENS} tokens"),
        ],
        sources=[model.source, NEWS],
        examples=[_example(model, question) for question in examples],
        sections={HEADING: candidates_table(found, tokens_per_second(paths), MAIN)},
        limits=[*prose.items("Limits" if model.is_packaged else "Limits of own models"), *PROSE.items("Limits")],
        notes=f"{_notes(context, published, shipped)} {remark}".rstrip(),
        has_own_data=not model.is_packaged,
    )


def _beside_transformers(
    model: LanguageModel, graph: Path, prompts: Sequence[Sequence[int]], largest: float = LARGEST_DIFFERENCE
) -> Compared:
    """The figure is the share of the prompts after which the graph writes what transformers would."""
    from training.graphs.beside_transformers import beside_transformers

    exported, same = beside_transformers(model.network(), graph, prompts, MOST_WRITTEN, model.ends, largest)
    return Compared(verification=exported.verification, figure=same / len(prompts))


def _notes(context: int, published: str, shipped: Sequence[str]) -> str:
    fit = ", ".join(shipped) or "none"
    return PROSE.text("Notes", context=context, published=published, least=LEAST_AGREEMENT, fit=fit)


def context_of(model: LanguageModel) -> int:
    """The most tokens of an answer with its prompt: what was learned, or what CACHE_BYTES hold, a power of two.

    Raises TrainingError if that is less than SHORTEST_CONTEXT.
    """
    sizes = model.decoder.sizes
    token_bytes = sizes.layers * 2 * sizes.kv_heads * sizes.head_size * 4
    held = 2 ** int(np.log2(CACHE_BYTES // (ROWS_IN_MEMORY * token_bytes)))
    context = min(held, sizes.positions)
    if context < SHORTEST_CONTEXT:
        raise TrainingError(
            f"{model.name} has room for {context} tokens only, and at least {SHORTEST_CONTEXT} are needed"
        )
    return int(context)


class _Reader:
    """Prompts and texts in the tokens of a model."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._template = ChatTemplate(model.template, model.tokenizer) if model.template else None

    def ids(self, question: str) -> list[int]:
        if self._template is None:
            return encode(self._model.tokenizer, question)
        return self._template.encode([{"role": "user", "content": question}])

    def texts(self, stories: Sequence[str]) -> list[list[int]]:
        """The first NUM_TEXTS that have as many as TEXT_TOKENS, cut to these."""
        encoded = (encode(self._model.tokenizer, story) for story in stories)
        return [ids[:TEXT_TOKENS] for ids in encoded if len(ids) >= TEXT_TOKENS][:NUM_TEXTS]

    def own_texts(self, graph: Path) -> list[list[int]]:
        """Prompts with what the graph writes after them, in tokens, by which channels are made alike."""
        prompts = [self.ids(question) for question in PROSE.items("Prompts to make channels alike")]
        decoding = Decoding(graph, rows=len(prompts), capacity=MOST_WRITTEN + max(map(len, prompts)))
        written = decoding.write(prompts, MOST_WRITTEN, self._model.ends)
        return [[*prompt, *one] for prompt, one in zip(prompts, written, strict=True)]


def _config(model: LanguageModel, defaults: Defaults, context: int) -> dict[str, Any]:
    return {
        "tokenizer": TOKENIZER,
        "chat_template": TEMPLATE if model.template else None,
        "context": context,
        "eos_token_ids": list(model.ends),
        "eos_token": model.tokenizer.id_to_token(model.ends[0]),
        "max_new_tokens": min(defaults.max_new_tokens, context // 2),
        "temperature": defaults.temperature,
        "top_p": defaults.top_p,
        "top_k": defaults.top_k,
        "aliases": [model.alias] if model.alias else [],
    }


def _with_examples(
    questions: Sequence[str], found: Mapping[str, DecoderCandidate], published: str, fewer: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The variants that may be published, and the first prompts after which all of them begin as `published` does.

    A golden example is for all. A variant after which none would be left stays out.
    """
    shipped, examples = [], list(range(len(questions)))
    for name in fewer:
        pairs = list(zip(found[published].written, found[name].written, strict=True))
        alike = [at for at in examples if pairs[at][0][:GOLDEN_TOKENS] == pairs[at][1][:GOLDEN_TOKENS]]
        if alike:
            shipped.append(name)
            examples = alike
    return shipped, [questions[at] for at in examples[:NUM_GOLDEN]]


def _example(model: LanguageModel, question: str) -> Example:
    item = {"messages": [{"role": "user", "content": question}]} if model.template else {"text": question}
    return Example(item, {"temperature": 0, "max_new_tokens": GOLDEN_TOKENS})
