"""The tables of a sentiment model's card."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from sklearn import metrics

from app.runtimes.hardware import hardware
from app.tensors import Array
from training.card.intervals import intervals_table
from training.card.markdown import table
from training.card.plots import calibration_plot, confusion_matrix, learning_curves
from training.data.reading import Scores
from training.data.sentiment import LABELS
from training.data.sentiment_texts import MACRO
from training.loop.fit import LearningCurve
from training.measures.intervals import Figure
from training.measures.sentiment import MEASURES, accuracies, right


def sureness(test: pd.DataFrame, scores: Scores, baselines: Mapping[str, Scores]) -> str:
    """Markdown: the means of the domains with their intervals, and the lead over the best baseline."""
    ours, theirs = right(test, scores), {name: right(test, found) for name, found in baselines.items()}
    domains = pd.factorize(test.domain)[0]
    counts = {measure: ours[measure].notna().to_numpy() for measure in MEASURES}
    return intervals_table(
        [
            Figure(
                measure,
                ours[measure].to_numpy()[chosen],
                {name: found[measure].to_numpy()[chosen] for name, found in theirs.items()},
                strata=domains[chosen],
            )
            for measure, chosen in counts.items()
            if chosen.any()
        ]
    )


def domain_table(test: pd.DataFrame, columns: Mapping[str, Scores]) -> str:
    """Markdown: three classes / positive against negative, by domain; the best of each row in bold."""
    tables = {name: accuracies(test, scores) for name, scores in columns.items()}
    sizes = test.domain.value_counts()
    rows = []
    for domain in (*sorted(sizes.index), MACRO):
        cells = []
        for found in tables.values():
            figures = []
            for measure in MEASURES:
                value = found.loc[domain, measure]
                is_best = value >= max(other.loc[domain, measure] for other in tables.values())
                figures.append(f"**{value:.3f}**" if is_best else f"{value:.3f}")
            cells.append(" / ".join(figures))
        rows.append((domain, str(sizes.get(domain, len(test))), *cells))
    return table(("domain", "texts", *tables), rows)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to run a model: its answers to the test texts, its size, and the least time of one text by length."""

    scores: Scores
    megabytes: float
    latencies_ms: Mapping[int, float]


def trade_off_table(test: pd.DataFrame, candidates: Mapping[str, Candidate]) -> str:
    """Markdown: what each candidate costs and is worth."""
    lengths = list(next(iter(candidates.values())).latencies_ms)
    rows = []
    for name, candidate in candidates.items():
        macro = accuracies(test, candidate.scores).loc[MACRO]
        times = (f"{candidate.latencies_ms[length]:.1f}" for length in lengths)
        rows.append((name, *(f"{macro[measure]:.4f}" for measure in MEASURES), f"{candidate.megabytes:.1f}", *times))
    return table(("", "3 classes", "pos/neg", "MB", *(f"ms at {length} tokens" for length in lengths)), rows)


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
