"""Find things in a picture: what each is, how sure that is, and the box around it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from app.errors import InferenceFailed
from app.tasks.contract import Contract
from app.tasks.file_bytes import to_base64
from app.tasks.image_input import CAT, ImageInput
from app.tasks.labels import largest, sigmoid
from app.tasks.pixels import Size
from app.tasks.schema import Schema
from app.tasks.view import Prepared
from app.tasks.whole_pictures import WholePictureConfig, WholePictureKernel, WholePictureView
from app.tensors import Array, Tensors

NOTHING = "no object"  # the last class of a graph whose scores are softmax
PIXELS_WITHIN_TOLERANCE = 100_000  # by which places are divided where answers are compared: one pixel may round


class ObjectDetectionConfig(WholePictureConfig):
    """The graph maps pictures to `logits` (fp32 [batch, boxes, classes]) and `boxes` (fp32 [batch, boxes, 4]).

    A box is its centre, width and height, as shares of the picture's (Carion et al., 2020).
    """

    labels: Annotated[list[str], Field(min_length=1)]
    function_to_apply: Annotated[
        Literal["softmax", "sigmoid"],
        Field(description="softmax: a box has its likeliest class, the last of which is nothing; sigmoid: any number"),
    ]
    most: Annotated[int, Field(ge=1, le=100_000, description="with sigmoid, how many of the best are looked at")] = 100


class ObjectDetectionParameters(Schema):
    threshold: Annotated[
        float, Field(ge=0, le=1, description="the score that a detection must exceed", examples=[0.5])
    ] = 0.5


class Box(BaseModel):
    """In pixels of the upright picture, from its upper left corner; it may reach beyond the picture."""

    xmin: int
    ymin: int
    xmax: int
    ymax: int


class Detection(BaseModel):
    label: Annotated[str, Field(description="name of the class", examples=["cat"])]
    score: Annotated[float, Field(description="probability of the class")]
    box: Box


class Detections(BaseModel):
    width: Annotated[int, Field(description="of the upright picture, in pixels")]
    height: int
    detections: Annotated[list[Detection], Field(description="the surest first")]


class Candidates(NamedTuple):
    """Candidates of one picture: scores [found], indices of classes [found] and of boxes [found]."""

    scores: Array
    classes: Array
    boxes: Array


class ObjectDetectionKernel(WholePictureKernel):
    Config = ObjectDetectionConfig

    def __init__(self, config: ObjectDetectionConfig, files: Mapping[str, Path]) -> None:
        super().__init__(config)
        self.labels, self.most = config.labels, config.most
        self.has_nothing = config.function_to_apply == "softmax"
        self.class_names = {"logits": [*self.labels, NOTHING] if self.has_nothing else self.labels}


def places(output: Any) -> Any:
    """The best detection of each class of an output, with its box in units of which a pixel is a small part."""
    best: dict[str, Any] = {}
    for one in output["detections"]:
        box = {side: pixel / PIXELS_WITHIN_TOLERANCE for side, pixel in one["box"].items()}
        best.setdefault(one["label"], {"score": one["score"], **box})
    return best


class ObjectDetection(WholePictureView[ObjectDetectionKernel]):
    """Find what each picture shows and where: labels with scores and boxes, the surest first."""

    contract = Contract(
        "object-detection",
        __qualname__,
        __doc__,
        Input=ImageInput,
        Parameters=ObjectDetectionParameters,
        Output=Detections,
        example={"image": to_base64(CAT)},
        binary_field="image",
        comparable=places,
    )

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: ObjectDetectionParameters
    ) -> Detections:
        size: Size = prepared.context
        logits, boxes = answers[0]["logits"], answers[0]["boxes"]
        if not (np.isfinite(logits).all() and np.isfinite(boxes).all()):
            raise InferenceFailed("the model gave numbers that are none")
        found = self._found(logits)
        corners = _in_pixels(boxes, size)
        best = np.argsort(-found.scores, kind="stable")
        return Detections(
            width=size[1],
            height=size[0],
            detections=[
                Detection(
                    label=self.kernel.labels[found.classes[i]],
                    score=float(found.scores[i]),
                    box=_box(corners[found.boxes[i]]),
                )
                for i in best.tolist()
                if found.scores[i] > parameters.threshold
            ],
        )

    def _found(self, logits: Array) -> Candidates:
        if self.kernel.has_nothing:
            exponents = np.exp(logits - logits.max(-1, keepdims=True))
            scores = (exponents / exponents.sum(-1, keepdims=True))[:, :-1]
            return Candidates(scores.max(-1), scores.argmax(-1), np.arange(len(scores)))
        scores = sigmoid(logits).ravel()
        best = largest(scores, min(self.kernel.most, len(scores)))
        return Candidates(scores[best], best % logits.shape[1], best // logits.shape[1])


def _in_pixels(boxes: Array, size: Size) -> Array:
    """Boxes [boxes, 4] as left, top, right and bottom in pixels of a picture, fp32."""
    centre, half = boxes[:, :2], boxes[:, 2:] * np.float32(0.5)
    height, width = size
    scale = np.array([width, height, width, height], np.float32)
    return np.asarray(np.concatenate([centre - half, centre + half], axis=1) * scale)


def _box(corners: Array) -> Box:
    xmin, ymin, xmax, ymax = (int(one) for one in corners)  # towards 0, as the pipeline of transformers has it
    return Box(xmin=xmin, ymin=ymin, xmax=xmax, ymax=ymax)
