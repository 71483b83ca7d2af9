"""Pictures for a model's card, each written as one PNG file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from training.calibration import calibration_bins, expected_calibration_error

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
    return _save(figure, path)


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
    return _save(figure, path)


def calibration_plot(
    probabilities: npt.NDArray[np.floating], truth: npt.NDArray[np.integer], path: Path, *, bins: int = 15
) -> Path:
    """How often answers are right, by how sure they are. `probabilities` [samples, labels], `truth` int [samples]."""
    sure, right, count = calibration_bins(probabilities, truth, bins=bins)
    figure = Figure(figsize=(WIDTH * 0.6, WIDTH * 0.6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    axes.scatter(sure, right, s=10 + 300 * count / count.sum())
    axes.set(xlabel="probability of the best class", ylabel="how often it is right", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_title(f"ECE {expected_calibration_error(probabilities, truth, bins=bins):.4f}; area: share of the answers")
    return _save(figure, path)


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
    return _save(figure, path)


def _save(figure: Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(
        path, dpi=DPI, format="png", metadata={"Software": None}
    )  # no version: the same content, the same file
    return path
