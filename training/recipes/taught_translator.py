"""The common part of recipes of translators that are trained here, beside an LSTM with attention as a baseline.

Both learn from the same texts for EPOCHS, which is the budget of each; `--resume` goes on with an interrupted one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from tokenizers import Tokenizer

from app.repository.manifest import Metric
from app.tasks.translation import TextTranslation, TranslationConfig, TranslationKernel
from training.baselines.lstm_translations import translated_by
from training.baselines.word_by_word import WordByWord
from training.card.plots import learning_curves
from training.card.prose import Prose
from training.data.catalogues import Pair
from training.data.parallel_sources import Language
from training.data.parallel_texts import LEAST_WORDS, ParallelTexts, load_parallel_texts
from training.data.subwords import END_ID, learn_subwords, token_pairs
from training.errors import progress
from training.loop.fit import LearningCurve
from training.loop.translating import learn_to_translate
from training.networks.attentive_lstm import AttentiveLSTM
from training.networks.marian_student import MarianStudent, Sizes
from training.networks.taught_student import TaughtStudent
from training.recipe import FULL_PRECISION, Draft, Example, Recipe, Run
from training.recipes.translator import CONTEXT, quality, shown, translated, write_graphs
from training.seeds import seeded

EPOCHS = 6  # with AMX three quarters of an hour of one core, for each of both networks
VOCABULARY = 8_000
WIDTH, HIDDEN, ENCODER_LAYERS, DECODER_LAYERS, HEADS = 192, 768, 3, 2, 4
LSTM_WIDTH, LSTM_LAYERS = 256, 1  # about as many parameters as the Transformer has
DROPOUT = 0.0  # so few epochs are not learned by heart
TINY_VOCABULARY, TINY_WIDTH = 600, 32

LSTM, WORDS, COPY = "LSTM with attention", "phrases and words of a dictionary", "the text as it is"
MUST_REACH = {"bleu_over_copying": 15.0, "bleu_over_lstm": 5.0}  # chosen before any test was read
PROSE = Prose(__name__)


class Direction(NamedTuple):
    """From one language into the other, of which one is English; `said` is for people, `other` for the sources."""

    source_lang: str
    target_lang: str
    said: str
    other: Language


def recipe_of(name: str, direction: Direction, examples: Sequence[str]) -> Recipe[ParallelTexts]:
    def load(run: Run) -> ParallelTexts:
        texts = load_parallel_texts(direction.other, run)
        return texts if direction.source_lang == "en" else texts.turned()

    def make(texts: ParallelTexts, run: Run) -> Draft:
        return draft(texts, direction, examples, run)

    return Recipe(name=name, task="translation", load=load, make=make, must_reach=MUST_REACH)


def draft(texts: ParallelTexts, direction: Direction, examples: Sequence[str], run: Run) -> Draft:
    """Learn both networks, write the one as two graphs, and compare what they and simpler ways write."""
    path = run.workdir / "tokenizer.json"
    tokenizer = learn_subwords(
        (text for pair in texts.train for text in pair), TINY_VOCABULARY if run.tiny else VOCABULARY, path
    )
    student, lstm, curves = learned(texts, tokenizer, run)
    encoder, decoder = write_graphs(student, run.workdir)
    config = TranslationConfig(
        tokenizer="tokenizer.json",
        source_lang=direction.source_lang,
        target_lang=direction.target_lang,
        context=CONTEXT,
        start_id=student.start_id,
        end_id=END_ID,
    )
    view = TextTranslation(TranslationKernel(config, {"tokenizer.json": path}))
    graphs = {"encoder": encoder.path, "decoder": decoder.path}
    word_by_word = WordByWord(texts.train)
    metrics, written = list[Metric](), list[str]()
    for split, pairs in (("validation", texts.validation), ("test", texts.test)):
        progress(f"translating {len(pairs)} texts of the {split}")
        given = [pair.text for pair in pairs]
        written = translated(view, graphs, given)
        others = {LSTM: translated_by(lstm, tokenizer, given), WORDS: [word_by_word(text) for text in given]}
        found = figures(written, others, pairs, split)
        progress(", ".join(f"{metric.name} {metric.value:.2f}" for metric in found))
        metrics += found
    return Draft(
        description=f"Translates {direction.said}, sentence by sentence, as programs say things: trained on texts of "
        "software alone. Nobody verifies what it says.",
        licence="of its weights unsettled: they were learned from texts under the licences of the sources below",
        files={"encoder.onnx": encoder.path, "decoder.onnx": decoder.path, "tokenizer.json": path},
        graphs={"encoder": "encoder.onnx", "decoder": "decoder.onnx"},
        config=config.model_dump(),
        exported=encoder,
        metrics=metrics,
        sources=texts.sources,
        examples=[Example({"text": text}) for text in examples],
        sections={
            "Texts of the test, drawn by a seed, good or bad": shown(written, texts.test, run.seed),
            "Pairs that were read, and why some were left out": counted(texts),
        },
        limits=PROSE.items("Limits"),
        notes=PROSE.text("Notes", epochs=1 if run.tiny else EPOCHS, vocabulary=tokenizer.get_vocab_size()),
        plots={
            f"Loss of each token, in training and of the validation: {name}": learning_curves(
                curve.rows, {"loss": ["loss", "validation_loss"]}, run.workdir / f"{name}.png"
            )
            for name, curve in curves.items()
        },
    )


def learned(
    texts: ParallelTexts, tokenizer: Tokenizer, run: Run
) -> tuple[MarianStudent, AttentiveLSTM, dict[str, LearningCurve]]:
    """Both networks, from the same pairs of tokens, in the same number of epochs, each from the run's seed."""
    train, validation = (token_pairs(tokenizer, pairs, CONTEXT) for pairs in (texts.train, texts.validation))
    size, width = tokenizer.get_vocab_size(), TINY_WIDTH if run.tiny else WIDTH
    with seeded(run.seed):
        sizes = Sizes(size, width, width * HIDDEN // WIDTH, ENCODER_LAYERS, DECODER_LAYERS)
        student = MarianStudent(sizes, HEADS, DROPOUT)
    with seeded(run.seed):
        lstm = AttentiveLSTM(size, TINY_WIDTH if run.tiny else LSTM_WIDTH, LSTM_LAYERS, DROPOUT)
    curves = {}
    full = replace(run, precision=FULL_PRECISION)  # in bf16 an LSTM's step takes 519 ms of a core instead of 443
    for name, network, how in (("transformer", TaughtStudent(student), run), ("lstm", lstm, full)):
        progress(f"{name}: {sum(one.numel() for one in network.parameters()):,} parameters")
        curves[name] = learn_to_translate(network, train, validation, how, epochs=1 if run.tiny else EPOCHS, name=name)
    return student.requires_grad_(False).eval(), lstm.requires_grad_(False).eval(), curves


def figures(
    written: Sequence[str], others: Mapping[str, Sequence[str]], pairs: Sequence[Pair], split: str
) -> list[Metric]:
    """BLEU and chrF beside those of others, and by how much BLEU is above the two that must be surpassed."""
    own = quality(written, pairs)
    beside = {name: {metric: value for metric, value, _ in quality(texts, pairs)} for name, texts in others.items()}
    prefix = "" if split == "test" else f"{split}_"
    about = f"{split}: {len(pairs)} texts of {LEAST_WORDS} words and more, of packages of which nothing was learned"

    def metric(name: str, value: float, baselines: dict[str, float]) -> Metric:
        return Metric(name=prefix + name, value=value, dataset="texts of programs", split=about, baselines=baselines)

    bleu, copied = own[0][1:]
    return [
        *(
            metric(name, value, {COPY: copy, **{other: found[name] for other, found in beside.items()}})
            for name, value, copy in own
        ),
        metric("bleu_over_copying", bleu - copied, {}),
        metric("bleu_over_lstm", bleu - beside[LSTM]["bleu"], {}),
    ]


def counted(texts: ParallelTexts) -> str:
    """A table; copies across splits are those of English texts."""
    rows = [("kept to learn from", len(texts.train)), ("drawn for the validation", len(texts.validation))]
    rows += [("drawn for the test", len(texts.test)), *texts.counts.items()]
    return "\n".join(["| pairs | number |", "|---|---|", *(f"| {name} | {number:,} |" for name, number in rows)])
