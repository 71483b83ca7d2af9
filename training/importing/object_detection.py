"""Detectors: things in a picture, with boxes around them."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from app.tasks.object_detection import ObjectDetection, ObjectDetectionConfig, ObjectDetectionKernel
from training.errors import TrainingError
from training.importing.beside_pipeline import TOLERANCE, pipeline_of
from training.importing.folder import ModelFolder
from training.importing.image_graphs import Detected
from training.importing.image_processor import image_reading_of
from training.importing.labels import labels_in
from training.importing.network import load_network
from training.importing.photos import picture_in
from training.importing.whole_picture_draft import LEAST_SIDE, whole_picture_draft
from training.recipe import Draft, Run

MOST_ROUNDED = 0.01  # of all sides of boxes: those so near to a whole pixel that rounding puts them one further
OUTPUTS = ["logits", "boxes"]

Scores = Mapping[str, Any]
SCORES: Mapping[str, Callable[[Any], Scores]] = {
    "DetrImageProcessor": lambda config: {"function_to_apply": "softmax"},
    "YolosImageProcessor": lambda config: {"function_to_apply": "softmax"},
    "ConditionalDetrImageProcessor": lambda config: {"function_to_apply": "sigmoid", "most": 100},
    "DeformableDetrImageProcessor": lambda config: {"function_to_apply": "sigmoid", "most": 100},
    "RTDetrImageProcessor": lambda config: {"function_to_apply": "sigmoid", "most": config.num_queries},
}
"""By the processor, which makes detections of what the network gives: the way from logits to scores."""


def make(folder: ModelFolder, run: Run) -> Draft:
    """Raises TrainingError."""
    if _is_of_timm(folder.config) and not find_spec("timm"):
        raise TrainingError(
            f"{folder.path} has a backbone of timm, which is not installed here: pip install timm, then import it again"
        )
    reading = image_reading_of(folder)
    network = load_network(folder, "AutoModelForObjectDetection", UNUSED)
    name = type(reading.processor).__name__.removesuffix("Pil")
    if name not in SCORES:
        raise TrainingError(
            f"a detector whose pictures {name} prepares cannot be imported; known are {', '.join(SCORES)}"
        )
    scores = SCORES[name](network.config)
    config = ObjectDetectionConfig(
        labels=labels_in(network.config.id2label),
        pixels=reading.pixels,
        least_side=1 if reading.pixels.size else LEAST_SIDE,
        **scores,
    )
    pipeline = pipeline_of("object-detection", network, processor=reading.processor)

    def expected(item: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        return sorted(pipeline(picture_in(item), **parameters), key=lambda one: -one["score"])

    return whole_picture_draft(
        folder,
        run,
        ObjectDetection(ObjectDetectionKernel(config, {})),
        Detected(network, reading.levels),
        reading,
        OUTPUTS,
        expected,
        detection_fault,
        config=config.model_dump(),
        about="Finds things in pictures, with a box around each",
        parameters=[{"threshold": 0.0}, {}],
    )


def _is_of_timm(config: Mapping[str, Any]) -> bool:
    """Whether the backbone is timm's, as older and newer versions of transformers state it."""
    backbone = config.get("backbone_config")
    stated = isinstance(backbone, dict) and backbone.get("model_type") == "timm_backbone"
    return stated or bool(config.get("use_timm_backbone"))


UNUSED = ("num_batches_tracked",)  # counts of batches in training, which old files lack


def detection_fault(expected: Any, answer: Any) -> str | None:
    """Detections of the pipeline without their equal among ours: of the same label, score and box.

    Scores may differ by TOLERANCE, and some sides of boxes by one pixel, since both round towards zero.
    """
    left, rounded = list(answer["detections"]), 0
    for one in expected:
        equal = next((own for own in left if _is_equal(one, own)), None)
        if equal is None:
            return f"transformers finds {one}, and the graph does not"
        left.remove(equal)
        rounded += sum(one["box"][side] != equal["box"][side] for side in one["box"])
    if left:
        return f"the graph finds {left[0]}, and transformers does not"
    if rounded > max(1, MOST_ROUNDED * 4 * len(expected)):
        return f"{rounded} sides of {len(expected)} boxes differ by a pixel"
    return None


def _is_equal(one: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    return (
        one["label"] == own["label"]
        and abs(one["score"] - own["score"]) <= TOLERANCE
        and all(abs(one["box"][side] - own["box"][side]) <= 1 for side in own["box"])
    )
