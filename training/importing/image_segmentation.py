"""Networks that tell which class each pixel of a picture has."""

from collections.abc import Iterable
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from app.tasks.file_bytes import from_base64
from app.tasks.image_segmentation import ImageSegmentation, ImageSegmentationConfig, ImageSegmentationKernel
from app.tensors import Array
from training.importing.beside_pipeline import pipeline_of
from training.importing.folder import ModelFolder
from training.importing.image_graphs import Segmented
from training.importing.image_processor import image_reading_of
from training.importing.labels import labels_in
from training.importing.network import load_network
from training.importing.photos import picture_in
from training.importing.whole_picture_draft import LEAST_SIDE, whole_picture_draft
from training.recipe import Draft, Run

MOST_TIES = 1e-3  # of the pixels of a picture: those whose two best classes have scores that are equal but for rounding
CUT = "Masks of the middle, which is all that the model reads, are stretched over the picture, as transformers does it."


def make(folder: ModelFolder, run: Run) -> Draft:
    """Raises TrainingError."""
    reading = image_reading_of(folder)
    network = load_network(folder, "AutoModelForSemanticSegmentation", UNUSED)
    config = ImageSegmentationConfig(
        labels=labels_in(network.config.id2label),
        pixels=reading.pixels,
        least_side=1 if reading.pixels.size else LEAST_SIDE,
    )
    pipeline = pipeline_of("image-segmentation", network, processor=reading.processor)
    return whole_picture_draft(
        folder,
        run,
        ImageSegmentation(ImageSegmentationKernel(config, {})),
        Segmented(network, reading.levels),
        reading,
        ["logits"],
        lambda item, parameters: pipeline(picture_in(item), **parameters),
        segmentation_fault,
        config=config.model_dump(),
        about="Tells which class each pixel of a picture has",
        limits=[CUT] if reading.pixels.crop else [],
    )


UNUSED = ("num_batches_tracked",)  # counts of batches in training, which old files lack


def segmentation_fault(expected: Any, answer: Any) -> str | None:
    """More pixels have another class than in the pipeline's masks than ties explain, or there is no mask for one."""
    size = (answer["height"], answer["width"])
    theirs = _by_label(size, ((one["label"], np.asarray(one["mask"])) for one in expected))
    ours = _by_label(size, ((one["label"], _pixels(one["mask"])) for one in answer["regions"]))
    none = np.zeros(size, np.bool_)
    other = sum(int((theirs.get(label, none) != ours.get(label, none)).sum()) for label in theirs | ours)
    if other > 2 * MOST_TIES * none.size:  # each is missing in one mask, and stands in another
        return f"{other // 2} of {none.size} pixels have another class"
    return None


def _by_label(size: tuple[int, int], masks: Iterable[tuple[str, Array]]) -> dict[str, Array]:
    """Where each label is, bool [height, width]: several classes may be called the same."""
    found: dict[str, Array] = {}
    for label, mask in masks:
        found[label] = found.get(label, np.zeros(size, np.bool_)) | (mask > 0)
    return found


def _pixels(mask: str) -> Array:
    return np.asarray(Image.open(BytesIO(from_base64(mask))))
