"""From a trained classifier to the draft of a version: calibrated, exported, judged, with its card."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from app.tasks.text_classification import TextClassification, TextClassificationKernel
from training.card.intervals import HEADING
from training.card.prose import Prose
from training.card.sentiment import Candidate, domain_table, plotted, sureness, trade_offs
from training.data import minilm
from training.data.reading import CONFIG, Scores, write_tokenizer
from training.data.sentiment import LABELS
from training.data.sentiment_texts import SentimentTexts
from training.errors import progress
from training.graphs.classifier import (
    TIMED_RUNS,
    VARIANTS,
    calibrate,
    export_classifier,
    has_bf16,
    infer,
    latencies_ms,
    open_variant,
    size_mb,
)
from training.loop.fit import LearningCurve
from training.measures.sentiment import calibration, quality, softmax_rows
from training.networks.minilm import TextClassifier
from training.recipe import Draft, Example, HeldOut, Run, sampled
from training.threads import threads_as_before

SHIPPED = "int8"
VERIFIED_TEXTS = 16  # whose scores by torch and by a graph are compared
TINY_RUNS = 3  # by which each variant is timed in a tiny run
EXPLAINED_TEXTS = 10  # of each domain
# A tiny run explains three texts of about a sentence, in characters: an explanation asks for each word.
TINY_TEXTS, SENTENCE = 3, 60
TYPICAL_TEXTS = 60  # of each domain, from whose activations the int8 graph gets its scales

PROSE = Prose(__name__)


def held_out(texts: SentimentTexts, run: Run) -> HeldOut:
    """A few of the test texts of each domain, on which explanations are judged."""
    lengths = texts.test.text.str.len()
    shown = (
        texts.test.loc[(lengths - SENTENCE).abs().nsmallest(TINY_TEXTS).index]
        if run.tiny
        else texts.test.groupby("domain").head(EXPLAINED_TEXTS)
    )
    return asked(texts, shown.text.tolist())


def sample(texts: SentimentTexts, run: Run) -> HeldOut:
    """Test texts of all domains."""
    return asked(texts, sampled(texts.test.sort_values("domain", kind="stable").text.tolist(), run))


def asked(texts: SentimentTexts, those: Sequence[str]) -> HeldOut:
    return HeldOut([{"text": text} for text in those], f"English text of {texts.breadth}", f"test, {len(those)} texts")


def typical(texts: SentimentTexts) -> pd.Series:
    """Texts whose activations are like those of any."""
    return texts.train.groupby("domain").head(TYPICAL_TEXTS).text


def load_task(run: Run) -> TextClassification:
    tokenizer = write_tokenizer(run.workdir / CONFIG.tokenizer)
    return TextClassification(TextClassificationKernel(CONFIG, {CONFIG.tokenizer: tokenizer}))


def sentiment_draft(
    task: TextClassification,
    network: TextClassifier,
    curve: LearningCurve,
    texts: SentimentTexts,
    baselines: Mapping[str, Scores],
    run: Run,
    *,
    description: str,
    notes: str,
    beside: Mapping[str, Candidate] | None = None,
) -> Draft:
    """Fold the temperature that the validation texts ask for into `network`, export it, and read the test texts once.

    `baselines`: their scores of the test texts. `beside`: more rows of the table of trade-offs.
    """
    temperature, why_not = calibrate(task, network, texts.validation, run.workdir)
    files, exported = export_classifier(task, network, texts.test.text[:VERIFIED_TEXTS], typical(texts), run.workdir)
    progress("judging on the test split")
    timed = TINY_RUNS if run.tiny else TIMED_RUNS
    judged = [name for name in VARIANTS if name != "bf16" or run.variants or run.tiny or has_bf16()]
    candidates = judge_variants(task, files, texts.test.text, judged, runs=timed)
    scores = {name: candidate.scores for name, candidate in candidates.items()}
    truth, probabilities = texts.test.label.to_numpy(), softmax_rows(scores[SHIPPED])
    wanted = {name: variant for name, variant in VARIANTS.items() if run.variants and name != SHIPPED}
    shipped = {file for variant in (VARIANTS[SHIPPED], *wanted.values()) for file in variant.graphs.values()}
    return Draft(
        description=description,
        licence=texts.sources[0].licence if texts.is_own else "Apache-2.0",
        files={
            **{file: files[file] for file in files if file in shipped},
            CONFIG.tokenizer: run.workdir / CONFIG.tokenizer,
        },
        graphs=VARIANTS[SHIPPED].graphs,
        config=CONFIG.model_dump(),
        exported=exported,
        metrics=[
            *quality(texts, scores, baselines, SHIPPED),
            *calibration(texts.test, scores[SHIPPED], temperature),
        ],
        sources=[*texts.sources, minilm.SOURCE],
        # Sums differ in their last digits between processors; where that turns a code of 8 bits, more follows.
        examples=[Example({"text": text}, {"top_k": len(LABELS)}, tolerance=0.05) for text in PROSE.items("Examples")],
        precision=SHIPPED,
        limits=PROSE.items("Limits"),
        notes=f"{notes} {why_not}".rstrip(),
        variants=wanted,
        sections={
            HEADING: sureness(texts.test, scores[SHIPPED], baselines),
            "By domain": "Accuracy on the test texts, in three classes / of telling positive from negative.\n\n"
            + domain_table(texts.test, {SHIPPED: scores[SHIPPED], **baselines}),
            "What each variant costs": trade_offs(texts.test, {**candidates, **(beside or {})}, timed),
        },
        plots=plotted(curve, truth, probabilities, run.workdir),
        has_own_data=texts.is_own,
    )


@threads_as_before()
def judge_variants(
    task: TextClassification,
    files: Mapping[str, Path],
    texts: pd.Series,
    names: Sequence[str] = tuple(VARIANTS),
    runs: int = TIMED_RUNS,
) -> dict[str, Candidate]:
    """Each variant by name: judged side by side, on a core each, and then timed one after the other."""
    opened = {name: open_variant(name, files) for name in names}
    with ThreadPoolExecutor() as threads:
        scores = list(threads.map(lambda sessions: infer(task, sessions, texts), opened.values()))
    return {
        name: Candidate(found, size_mb(name, files), latencies_ms(task, sessions, runs))
        for (name, sessions), found in zip(opened.items(), scores, strict=True)
    }
