"""The common part of recipes of translators whose weights are published: two graphs, compared and measured."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor
from torchmetrics.functional.text import chrf_score, sacre_bleu_score

from app.repository.manifest import Metric
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.translation import (
    TextTranslation,
    TranslationConfig,
    TranslationInput,
    TranslationKernel,
    TranslationParameters,
)
from app.tasks.view import predict_alone
from app.tensors import Tensors
from training.card.prose import Prose
from training.data.catalogues import Pair
from training.data.interface_texts import LEAST_WORDS, SOURCE, load_interface_texts
from training.data.marian_students import END_ID, PackagedStudent
from training.errors import TrainingError
from training.graphs.export import proven
from training.graphs.products import Fp32DecoderProducts
from training.graphs.sequence import write_decoder_step, write_encoder
from training.networks.marian_student import MarianStudent, StudentEncoder, StudentStep
from training.recipe import Draft, Example, Exported, Recipe, Run

CONTEXT = 256  # tokens of a sentence: beyond it students were not trained
TOLERANCE = 2e-4  # of logits up to 44, and of keys and values
FEW = 8  # pairs of a tiny run
SHOWN = 10
PROSE = Prose(__name__)


def draft(
    student: PackagedStudent,
    run: Run,
    *,
    source_lang: str,
    target_lang: str,
    pairs: Sequence[Pair],
    examples: Sequence[str],
    description: str,
) -> Draft:
    """Write both graphs, compare them with torch, and translate the texts of `pairs`. Raises TrainingError."""
    network, tokenizer = student.load()
    encoder, decoder = write_graphs(network, run.workdir)
    config = TranslationConfig(
        tokenizer="tokenizer.json",
        source_lang=source_lang,
        target_lang=target_lang,
        context=CONTEXT,
        start_id=network.start_id,
        end_id=END_ID,
    )
    view = TextTranslation(TranslationKernel(config, {"tokenizer.json": tokenizer}))
    tested = pairs[:FEW] if run.tiny else pairs
    written = translated(view, {"encoder": encoder.path, "decoder": decoder.path}, [pair.text for pair in tested])
    split = f"all {len(tested)} of {LEAST_WORDS} words and more, without places to fill in"
    return Draft(
        description=description,
        licence=student.source.licence,
        files={"encoder.onnx": encoder.path, "decoder.onnx": decoder.path, "tokenizer.json": tokenizer},
        graphs={"encoder": "encoder.onnx", "decoder": "decoder.onnx"},
        config=config.model_dump(),
        exported=encoder,
        metrics=[
            Metric(name=name, value=value, dataset=SOURCE.name, split=split, baselines={"the text as it is": copied})
            for name, value, copied in quality(written, tested)
        ],
        sources=[student.source, SOURCE],
        examples=[Example({"text": text}) for text in examples],
        sections={f"{SHOWN} texts of the test, drawn by a seed": shown(written, tested, run.seed)},
        limits=PROSE.items("Limits"),
        notes=PROSE.text("Notes", context=CONTEXT),
    )


def recipe_of(
    name: str,
    student: PackagedStudent,
    languages: tuple[str, str],
    pair: str,
    examples: Sequence[str],
    *,
    is_back: bool = False,
) -> Recipe[list[Pair]]:
    """The recipe of a student between English and Portuguese; `is_back`: into English. `pair` is for people."""

    def load(run: Run) -> list[Pair]:
        pairs = load_interface_texts("pt_BR")
        return [Pair(pair.translation, pair.text) for pair in pairs] if is_back else pairs

    def make(pairs: list[Pair], run: Run) -> Draft:
        return draft(
            student,
            run,
            source_lang=languages[0],
            target_lang=languages[1],
            pairs=pairs,
            examples=examples,
            description=f"Translates {pair}, sentence by sentence: a small student model of the Bergamot project, "
            "with which browsers translate. Nobody verifies what it says.",
        )

    # The bars were chosen before the test was read.
    return Recipe(name=name, task="translation", load=load, make=make, must_reach={"bleu": 30.0, "chrf": 55.0})


def write_graphs(network: MarianStudent, folder: Path) -> tuple[Exported, Exported]:
    """Write the encoder and a step of the decoder, each as near to torch as TOLERANCE. Raises TrainingError."""
    products = Fp32DecoderProducts()
    ids = np.array([[7, 30, 9, END_ID], [12, END_ID, END_ID, END_ID]], np.int64)
    mask = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], np.int64)
    read: Tensors = {"input_ids": ids, "attention_mask": mask}
    encoder = proven(
        StudentEncoder(network), write_encoder(network, folder / "encoder.onnx", products), read, tolerance=TOLERANCE
    )
    known = load_onnx(encoder.path, RuntimeOptions(device="cpu")).run(read)
    states = {f"state.{i}": np.zeros((2, network.sizes.width), np.float32) for i in range(network.sizes.decoder_layers)}
    step: Tensors = {
        "input_ids": np.array([[network.start_id], [5]], np.int64),
        "positions": np.array([0, 3], np.int64),
        "source_lengths": np.array([4, 2], np.int64),
        **known,
        **states,
    }
    path = write_decoder_step(network, folder / "decoder.onnx", products)
    return encoder, proven(StudentStep(network), path, step, tolerance=TOLERANCE)


def translated(
    view: TextTranslation, graphs: dict[str, Path], texts: Sequence[str], num_beams: int | None = None
) -> list[str]:
    sessions = {name: load_onnx(path, RuntimeOptions(device="cpu")) for name, path in graphs.items()}
    parameters = TranslationParameters(num_beams=num_beams)
    return [predict_alone(view, sessions, TranslationInput(text=text), parameters).translation_text for text in texts]


def quality(written: Sequence[str], pairs: Sequence[Pair]) -> list[tuple[str, float, float]]:
    """BLEU and chrF of what was written, and of the texts as they were, both from 0 to 100.

    Papineni et al., 2002, as Post, 2018, computes it (13a); Popović, 2015.
    """
    if not written:
        raise TrainingError("there is nothing to compare translations with")
    wanted, as_they_were = [[pair.translation] for pair in pairs], [pair.text for pair in pairs]

    def both(texts: Sequence[str]) -> tuple[float, float]:
        chrf = chrf_score(list(texts), wanted, n_word_order=0)
        assert isinstance(chrf, Tensor)  # a pair only where each sentence's score is asked for
        return 100 * float(sacre_bleu_score(list(texts), wanted)), 100 * float(chrf)

    own, copied = both(written), both(as_they_were)
    return [(name, own[i], copied[i]) for i, name in enumerate(("bleu", "chrf"))]


def shown(written: Sequence[str], pairs: Sequence[Pair], seed: int) -> str:
    """A table of some, good or bad."""
    drawn = np.random.default_rng(seed).permutation(len(pairs))[:SHOWN]
    lines = ["| text | translation | as people wrote it |", "|---|---|---|"]
    lines += [f"| {pairs[i].text} | {written[i]} | {pairs[i].translation} |" for i in sorted(drawn)]
    return "\n".join(lines).replace("\\", "\\\\")
