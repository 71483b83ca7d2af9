"""The card of a cascade: what each threshold costs and loses, and who answers what."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from training.card.markdown import table
from training.card.plots import WIDTH, saved
from training.measures.cascade import AskedBoth, cost, curve_of

Seconds = Mapping[int, tuple[float, float]]
"""By the rows of a batch the seconds of one row: of the small model's network, and of the large one's."""


def milliseconds(seconds: Seconds, goes_on: float) -> dict[int, float]:
    """Of one row by the cascade, by the rows of a batch."""
    return {rows: 1e3 * cost(small, large, goes_on) for rows, (small, large) in seconds.items()}


def thresholds_table(rows: Mapping[str, tuple[float | None, AskedBoth]], seconds: Seconds) -> str:
    """Markdown: a row for each threshold, by what is said of it; None is the large model alone, 0 the small one."""
    lines = []
    for said, (enough, asked) in rows.items():
        values = asked.large if enough is None else asked.cascade(enough)
        goes_on = 1.0 if enough is None else 1 - float(asked.answered(enough).mean())
        times = [
            1e3 * large if enough is None else 1e3 * cost(small, large, goes_on) for small, large in seconds.values()
        ]
        shown = "–" if not enough else f"{enough:.4f}"
        lines.append(
            (said, shown, f"{1 - goes_on:.3f}", f"{values @ asked.weights:.4f}", *(f"{one:.2f}" for one in times))
        )
    heads = ("", "enough", "answered by the small one", "accuracy", *(f"ms a row, batches of {one}" for one in seconds))
    return table(heads, lines)


def answered_table(asked: AskedBoth, enough: float, names: list[str]) -> str:
    """Markdown: for each stratum, by its name, what the small model answers, and what is lost by that."""
    answered, values = asked.answered(enough), asked.cascade(enough)
    lines = []
    for number, name in enumerate(names):
        here = asked.strata == number
        count = int((here & answered).sum())
        right = f"{asked.small[here & answered].mean():.3f}" if count else "–"
        beside = f"{asked.large[here & answered].mean():.3f}" if count else "–"
        lost = asked.large[here].mean() - values[here].mean()
        lines.append((name, str(int(here.sum())), f"{answered[here].mean():.3f}", right, beside, f"{lost:+.4f}"))
    heads = ("", "samples", "answered by the small one", "of these it has right", "and the large one", "lost in all")
    return table(heads, lines)


def cost_plot(
    validation: AskedBoth, test: AskedBoth, enough: float | None, seconds: tuple[float, float], path: Path
) -> Path:
    """Accuracy over the cost of one row, in milliseconds: all thresholds, and the chosen one on both splits."""
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    axes = figure.add_subplot()
    curve = curve_of(validation)
    times = 1e3 * np.array([cost(*seconds, share) for share in curve.goes_on])
    axes.plot(times, curve.accuracy, linewidth=1, label="validation, all thresholds")
    axes.scatter([1e3 * seconds[1]], [curve.accuracy[0]], marker="s", label="large model alone, validation")
    axes.scatter([1e3 * seconds[0]], [curve.accuracy[-1]], marker="v", label="small model alone, validation")
    if enough is not None:
        for name, asked, marker in (("validation", validation, "o"), ("test", test, "x")):
            spent = 1e3 * cost(*seconds, 1 - float(asked.answered(enough).mean()))
            axes.scatter([spent], [asked.cascade(enough) @ asked.weights], marker=marker, label=f"chosen, {name}")
    axes.set(xlabel="ms a row, each alone, network only", ylabel="accuracy")
    axes.legend(frameon=False, fontsize=8)
    return saved(figure, path)
