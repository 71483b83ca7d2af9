"""Pictures for a model's card, each written as one PNG file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

WIDTH = 7.0  # inches
DPI = 110


def learning_curves(rows: Sequence[Mapping[str, float]], panels: Mapping[str, Sequence[str]], path: Path) -> Path:
    """One panel for each title of `panels`, with the named metrics over the epochs. `rows` as in LearningCurve."""
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    for place, (title, names) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(1, len(panels), place)
        for name in names:
            points = [(row["epoch"], row[name]) for row in rows if name in row]
            axes.plot([epoch for epoch, _ in points], [value for _, value in points], marker=".", label=name)
        axes.set(title=title, xlabel="epoch")
        axes.legend(frameon=False)
    return saved(figure, path)


def confusion_matrix(counts: npt.NDArray[np.integer], labels: Sequence[str], path: Path) -> Path:
    """`counts` int [labels, labels]: rows are what is true, columns what was said."""
    share = counts / np.maximum(1, counts.sum(1, keepdims=True))
    figure = Figure(figsize=(WIDTH, WIDTH * 0.85), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="said", ylabel="true")
    if len(labels) <= 20:  # more are too small to read
        for (row, column), count in np.ndenumerate(counts):
            shade = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=shade, fontsize=8)
    return saved(figure, path)


def calibration_plot(
    probabilities: npt.NDArray[np.floating], truth: npt.NDArray[np.integer], path: Path, *, bins: int = 15
) -> Path:
    """Plot how often answers are right by how sure: `probabilities` [samples, labels], `truth` int [samples]."""
    from training.measures.calibration import calibration_bins, expected_calibration_error  # which loads torch

    sure, right, count = calibration_bins(probabilities, truth, bins=bins)
    figure = Figure(figsize=(WIDTH * 0.6, WIDTH * 0.6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    axes.scatter(sure, right, s=10 + 300 * count / count.sum())
    axes.set(xlabel="probability of the best class", ylabel="how often it is right", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_title(f"ECE {expected_calibration_error(probabilities, truth, bins=bins):.4f}; area: share of the answers")
    return saved(figure, path)


def agreement_plot(expected: npt.NDArray[np.floating], found: npt.NDArray[np.floating], path: Path) -> Path:
    """Plot how sure two classifiers are of the first one's best class: probabilities [samples, labels] of both."""
    best = expected.argmax(1)
    rows = np.arange(len(best))
    agrees = found.argmax(1) == best
    figure = Figure(figsize=(WIDTH * 0.6, WIDTH * 0.6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    for label, chosen, marker in (("same best class", agrees, "."), ("another one", ~agrees, "x")):
        axes.scatter(expected[rows, best][chosen], found[rows, best][chosen], marker=marker, label=label)
    axes.set(xlabel="probability in float", ylabel="probability in 8 bits", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.legend(frameon=False, fontsize=8)
    return saved(figure, path)


def image_grid(
    images: Sequence[npt.NDArray[np.uint8]], captions: Sequence[str], path: Path, *, columns: int = 6
) -> Path:
    """`images` uint8 [height, width] or [height, width, 3], each under its caption."""
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(WIDTH, 1.45 * rows * 6 / columns), layout="constrained")
    for place, (image, caption) in enumerate(zip(images, captions, strict=True), 1):
        axes = figure.add_subplot(rows, columns, place)
        axes.imshow(image, cmap="gray" if image.ndim == 2 else None)
        axes.set_title(caption, fontsize=7)
        axes.set_axis_off()
    return saved(figure, path)


def grouped_bars(values: Mapping[str, Sequence[float]], groups: Sequence[str], unit: str, path: Path) -> Path:
    """For each of `groups` one bar of each series; `values` has a number per group for each series, in `unit`."""
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(values)
    for place, (name, numbers) in enumerate(values.items()):
        offset = (place - (len(values) - 1) / 2) * width
        bars = axes.bar(np.arange(len(groups)) + offset, numbers, width, label=name)
        axes.bar_label(bars, fmt="%.3g", fontsize=6)
    axes.set_xticks(range(len(groups)), groups)
    axes.set(ylabel=unit)
    axes.margins(y=0.1)
    figure.legend(loc="outside upper center", frameon=False, fontsize=7, ncols=len(values))
    return saved(figure, path)


@dataclass(frozen=True, slots=True)
class Fan:
    """A forecast beside the truth: `known` [past], `following` and `middle` [horizon], `interval` [horizon, 2]."""

    known: npt.NDArray[np.floating]
    following: npt.NDArray[np.floating]
    middle: npt.NDArray[np.floating]
    interval: npt.NDArray[np.floating]


def forecast_fans(fans: Sequence[Fan], path: Path) -> Path:
    """Each forecast in a panel of its own, two a row."""
    rows = -(-len(fans) // 2)
    figure = Figure(figsize=(WIDTH, 2.0 * rows), layout="constrained")
    for place, fan in enumerate(fans, 1):
        axes = figure.add_subplot(rows, 2, place)
        past, ahead = np.arange(1 - len(fan.known), 1), np.arange(1, len(fan.following) + 1)
        axes.plot(past, fan.known, color="black", lw=1)
        axes.plot(ahead, fan.following, color="black", lw=1, ls=":", label="what followed")
        axes.plot(ahead, fan.middle, color="tab:blue", lw=1.2, label="median")
        axes.fill_between(ahead, fan.interval[:, 0], fan.interval[:, 1], color="tab:blue", alpha=0.25, lw=0)
        axes.tick_params(labelsize=7)
        if place == 1:
            axes.legend(frameon=False, fontsize=7)
    return saved(figure, path)


def saved(figure: Figure, path: Path) -> Path:
    """Write one picture, and return where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(
        path, dpi=DPI, format="png", metadata={"Software": None}
    )  # no version: the same content, the same file
    return path
