"""From a trained classifier to the draft of a version: calibrated, exported, judged, with its card."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn import metrics

from app.repository.manifest import Metric
from app.runtimes.hardware import hardware
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.labels import softmax
from app.tasks.text_classification import TextClassification
from app.tensors import Array
from training.card.intervals import HEADING
from training.card.plots import calibration_plot, confusion_matrix, learning_curves
from training.card.sentiment import Candidate, domain_table, sureness, trade_off_table
from training.data import minilm
from training.data.reading import CONFIG, Scores, write_tokenizer
from training.data.sentiment import LABELS
from training.data.sentiment_texts import Texts
from training.errors import progress
from training.graphs.bert import write_bert
from training.graphs.classifier import TIMED_RUNS, VARIANTS, export_classifier, infer, latencies_ms, open_variant
from training.graphs.linear import Fp32Products
from training.loop.fit import LearningCurve
from training.measures.calibration import cannot_be_calibrated, expected_calibration_error, fit_temperature
from training.measures.sentiment import quality
from training.networks.minilm import TextClassifier
from training.recipe import Draft, Example, HeldOut, Run

SHIPPED = "int8"
VERIFIED_TEXTS = 16
TINY_RUNS = 3  # by which each variant is timed in a tiny run
EXPLAINED_TEXTS = 10  # of each domain
TYPICAL_TEXTS = 60  # of each domain, from whose activations the int8 graph gets its scales

EXAMPLES = (
    "Not bad at all, I would buy it again.",
    "I expected to love it, but it broke after a day.",
    "The food was great but the service was terrible.",
    "The package contains two cables and a manual.",
    "I've owned three of these and this is the first one I haven't returned 😀",
    "@airline thanks for losing my bag. Again. Third time this year!",
)
LIMITS = (
    "English only: other languages get an answer, and it means little.",
    "Reads 256 tokens, about 190 words; a longer text must be sent in parts or truncated.",
    "Of emoji it reads some sixty, each as a word of its mood; the others tell it nothing.",
    "Sarcasm and praise of something else are often read literally.",
    "The score is of the whole text: mixed feelings come out as whichever side weighs more, or as neutral.",
)


def held_out(texts: Texts, run: Run) -> HeldOut:
    """A few of the test texts of each domain, on which explanations are judged."""
    few = (texts.test.head(2) if run.tiny else texts.test.groupby("domain").head(EXPLAINED_TEXTS)).text.tolist()
    return HeldOut([{"text": text} for text in few], f"English text of {texts.breadth}", f"test, {len(few)} texts")


def typical(texts: Texts) -> pd.Series:
    """Texts whose activations are like those of any."""
    return texts.train.groupby("domain").head(TYPICAL_TEXTS).text


def load_task(run: Run) -> TextClassification:
    tokenizer = write_tokenizer(run.workdir / CONFIG.tokenizer)
    return TextClassification(CONFIG, {CONFIG.tokenizer: tokenizer})


def make_draft(
    task: TextClassification,
    network: TextClassifier,
    curve: LearningCurve,
    texts: Texts,
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
    candidates = measure(task, files, texts.test.text, runs=timed)
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
        examples=[Example({"text": text}, {"top_k": len(LABELS)}, tolerance=0.05) for text in EXAMPLES],
        precision=SHIPPED,
        limits=LIMITS,
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


def calibrate(
    task: TextClassification, network: TextClassifier, validation: pd.DataFrame, workdir: Path
) -> tuple[float, str]:
    """Divide the answers of `network` by the temperature that `validation` asks for; return it, or 1 and why."""
    graph = write_bert(network.bert, network.head, workdir / "uncalibrated.onnx", Fp32Products())
    logits = infer(task, {"model": load_onnx(graph, RuntimeOptions(device="cpu", threads=2))}, validation.text)
    truth = validation.label.to_numpy()
    temperature = fit_temperature(logits, truth)
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter.div_(temperature)
    return temperature, cannot_be_calibrated(logits, truth)


def calibration(test: pd.DataFrame, scores: Scores, temperature: float) -> list[Metric]:
    """The expected calibration error as shipped and, as its baseline, of what the network said before."""
    truth = test.label.to_numpy()
    after = expected_calibration_error(softmax_rows(scores), truth)
    before = expected_calibration_error(softmax_rows(scores * temperature), truth)
    split = f"test, {len(test):,} texts"
    return [
        Metric(
            name="expected_calibration_error",
            value=round(after, 4),
            dataset="all texts",
            split=split,
            baselines={"without temperature": round(before, 4)},
        ),
        Metric(name="temperature", value=round(temperature, 4), dataset="all texts", split="validation"),
    ]


def measure(
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


def size_mb(name: str, files: Mapping[str, Path]) -> float:
    return sum(files[file].stat().st_size for file in VARIANTS[name].graphs.values()) / 1e6


def trade_offs(test: pd.DataFrame, candidates: Mapping[str, Candidate], runs: int) -> str:
    machine = hardware("cpu", 1)
    return (
        f"{trade_off_table(test, candidates)}\n\nAccuracy: means over the domains of the test split. Times: one text, "
        f"the least of {runs} runs on one thread of {machine['processor']}."
    )


def plotted(curve: LearningCurve, truth: Array, probabilities: Array, workdir: Path) -> dict[str, Path]:
    found = {
        "What was said of what was true": confusion_matrix(
            metrics.confusion_matrix(truth, probabilities.argmax(1), labels=range(len(LABELS))),
            LABELS,
            workdir / "confusion.png",
        ),
        "How often it is right, by how sure it is": calibration_plot(probabilities, truth, workdir / "calibration.png"),
    }
    if curve.rows:
        panels = {"loss": ["loss", "validation_loss"], "validation accuracy": ["validation_accuracy"]}
        found["Learning"] = learning_curves(curve.rows, panels, workdir / "learning.png")
    return found


def softmax_rows(scores: Scores) -> Array:
    return np.stack([softmax(row) for row in scores])
