"""The common part of recipes of translators that are trained here, beside an LSTM with attention as a baseline.

Both learn from the same texts, the LSTM in more epochs; the Transformer begins with what a translator of another
language knows, which the LSTM cannot. `--resume` goes on where one was interrupted.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.repository.manifest import Metric
from app.tasks.translation import TextTranslation, TranslationConfig, TranslationKernel
from training.baselines.lstm_translations import translated_by
from training.baselines.word_by_word import WordByWord
from training.card.plots import learning_curves
from training.card.prose import Prose
from training.data.catalogues import Pair
from training.data.marian_students import PackagedStudent
from training.data.parallel_sources import Language
from training.data.parallel_texts import LEAST_WORDS, ParallelTexts, load_parallel_texts
from training.data.subwords import END_ID
from training.errors import progress
from training.loop.taught_translators import CONTEXT, SETTINGS, TINY, Course
from training.recipe import Draft, Example, Recipe, Run, SettingsSearch
from training.recipes.translator import quality, shown, translated, write_graphs

LSTM, WORDS, COPY = "LSTM with attention", "phrases and words of a dictionary", "the text as it is"
MUST_REACH = {"bleu_over_copying": 15.0, "bleu_over_lstm": 5.0}  # chosen before any test was read
PROSE = Prose(__name__)


class Direction(NamedTuple):
    """From one language into the other, of which one is English; `said` is for people, `other` for the sources.

    `begins` is the translator with whose weights its own begins.
    """

    source_lang: str
    target_lang: str
    said: str
    other: Language
    begins: PackagedStudent


def recipe_of(name: str, direction: Direction, examples: Sequence[str]) -> Recipe[ParallelTexts]:
    def load(run: Run) -> ParallelTexts:
        texts = load_parallel_texts(direction.other, run)
        return texts if direction.source_lang == "en" else texts.turned()

    def make(texts: ParallelTexts, run: Run) -> Draft:
        return draft(texts, direction, examples, run)

    def loss(texts: ParallelTexts, run: Run) -> float:
        return validation_loss(texts, direction.begins, run)

    return Recipe(
        name=name,
        task="translation",
        load=load,
        make=make,
        must_reach=MUST_REACH,
        settings=SETTINGS,
        tiny=TINY,
        search=SettingsSearch(loss, "loss of the Transformer on the validation"),
    )


def draft(texts: ParallelTexts, direction: Direction, examples: Sequence[str], run: Run) -> Draft:
    """Learn both networks, write the one as two graphs, and compare what they and simpler ways write."""
    settings = run.chosen(SETTINGS, TINY)
    course = Course(texts, direction.begins, settings, run)
    student, student_curve = course.transformer()
    lstm, lstm_curve = course.lstm()
    begins = direction.begins.source.model_copy(update={"used_for": "weights that the Transformer begins with"})
    curves = {"transformer": student_curve, "lstm": lstm_curve}
    tokenizer, path = course.tokenizer, course.tokenizer_path
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
        sources=[*([begins] if settings.pretrained else []), *texts.sources],
        examples=[Example({"text": text}) for text in examples],
        sections={
            "Texts of the test, drawn by a seed, good or bad": shown(written, texts.test, run.seed),
            "Pairs that were read, and why some were left out": counted(texts),
        },
        limits=PROSE.items("Limits"),
        notes=PROSE.text(
            "Notes", epochs=settings.epochs, lstm_epochs=settings.lstm_epochs, vocabulary=tokenizer.get_vocab_size()
        ),
        plots={
            f"Loss of each token, in training and of the validation: {name}": learning_curves(
                curve.rows, {"loss": ["loss", "validation_loss"]}, run.workdir / f"{name}.png"
            )
            for name, curve in curves.items()
        },
    )


def validation_loss(texts: ParallelTexts, begins: PackagedStudent, run: Run) -> float:
    return Course(texts, begins, run.chosen(SETTINGS, TINY), run).transformer()[1].least("validation_loss")


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
