"""The parts that recipes that paint garments share: an export, and a draft of what it makes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import nn

from app.repository.manifest import Batching, Metric, Source
from app.tensors import Array
from training.data.fashion_mnist import LABELS
from training.data.labels import write_labels
from training.graphs.export import exported
from training.recipe import Draft, Example, Exported

TOLERANCE = 2  # levels of 255: two roundings

LIMITS = (
    "It paints ten kinds of garment and nothing else, in the proportions that a shop had in 2017.",
    "A seed gives the same picture from this version on one kind of processor; on another a pixel may be off by "
    "a level.",
)
NOTES = (
    "The distance between two sets of pictures is Frechet's, over what the model fashion-mnist sees in them before its "
    "last layer (as FID does with another network: the values cannot be compared with those of papers)."
)


def export_painter(sampler: nn.Module, latent: int, path: Path) -> Exported:
    """`sampler` as a graph at `path`. Raises TrainingError if it paints otherwise.

    Inputs: `noise`, fp32 [batch, latent], and `class`, int64 [batch]. Output: `image`, uint8 [batch, SIZE, SIZE, 1].
    """
    random = np.random.default_rng(0)
    classes = np.arange(32) % len(LABELS)
    batch: dict[str, Array] = {"noise": random.standard_normal((32, latent), np.float32), "class": classes}
    return exported(sampler, batch, path, ["image"], tolerance=1)  # level of 255


def painter_draft(
    graph: Exported,
    latent: int,
    *,
    description: str,
    metrics: Sequence[Metric],
    sources: Sequence[Source],
    plots: Mapping[str, Path],
    limit: str,
    notes: str,
) -> Draft:
    """`limit` and `notes` are what comes to those of every painter."""
    return Draft(
        description=f"Paints garments of ten kinds, 28 x 28 grey pixels, from a seed: {description} on Fashion-MNIST.",
        licence="MIT",
        files={"model.onnx": graph.path, "labels.json": write_labels(LABELS, graph.path.with_name("labels.json"))},
        graphs={"model": "model.onnx"},
        config={"latent": latent, "labels": "labels.json"},
        exported=graph,
        batching=Batching(max_batch_size=32),
        metrics=metrics,
        sources=sources,
        examples=[Example({"class": LABELS[label], "seed": 7}, tolerance=TOLERANCE) for label in (7, 3, 8)],
        plots=plots,
        limits=[limit, *LIMITS],
        notes=f"{NOTES} {notes}",
    )
