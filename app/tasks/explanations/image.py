"""Why a picture has a label: where in it the label was seen."""

from collections.abc import Sequence
from itertools import product
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field

from app.tasks.contract import Contract
from app.tasks.explanations.base import NAME, Explanation, one_label, require_label, rounded
from app.tasks.explanations.coalitions import Floats, Kept
from app.tasks.explanations.heat import overlay
from app.tasks.file_bytes import FileBytes
from app.tasks.image_classification import ImageClassification, ImageClassificationKernel, ImageClassificationParameters
from app.tasks.image_input import ImageInput
from app.tasks.occlusion import GRID, Pixels, cells, without
from app.tasks.view import Needs, Prepared
from app.tensors import Tensors

WINDOW = 3  # cells on the side of what is hidden at a time


class ImageExplanationParameters(ImageClassificationParameters):
    label: Annotated[str | None, Field(description="the label to explain; by default the best one")] = None
    top_k: Annotated[
        int,
        Field(ge=1, le=10_000, description="as in a prediction, whose parameters may be sent as they are; no effect"),
    ] = 5


class HeatMap(BaseModel):
    shape: Annotated[tuple[int, int], Field(description="rows and columns", examples=[(GRID, GRID)])]
    values: Annotated[
        list[list[float]],
        Field(description="what the score of the label loses, on average, when a window over the cell is hidden"),
    ]


class ImageReasons(BaseModel):
    label: Annotated[str, Field(description="the label that is explained", examples=["Egyptian cat"])]
    score: Annotated[float, Field(description="its probability, as in the prediction")]
    heatmap: Annotated[HeatMap, Field(description="over the part of the picture that the model sees")]
    overlay: Annotated[
        FileBytes, Field(description="that part as a PNG in base64, the warmer where more spoke for the label")
    ]


class ImageExplanation(Explanation[ImageClassificationKernel]):
    """Show where in each picture the label was seen, as numbers and as a picture.

    A window moves over the part that the model sees and hides what is under it; the heat of a cell is what the
    label's score loses, averaged over the windows that hide the cell. It is negative where something else is seen.
    """

    contract = Contract(
        NAME,
        __qualname__,
        __doc__,
        Input=ImageInput,
        Parameters=ImageExplanationParameters,
        Output=ImageReasons,
        example=ImageClassification.contract.example,
        binary_field=ImageClassification.contract.binary_field,
        max_items=4,
    )
    has_needs = True

    def __init__(self, kernel: ImageClassificationKernel) -> None:
        super().__init__(kernel)
        self._own = ImageClassification(kernel)
        self._hidden = windows(*(int(cells(side).max()) + 1 for side in kernel.size))

    def check(self, parameters: ImageExplanationParameters) -> None:
        require_label(parameters.label, self.kernel.class_names)

    def needs(self, item: ImageInput) -> Needs:
        return self._own.needs(item)

    def preprocess(self, item: ImageInput, parameters: ImageExplanationParameters) -> Prepared:
        seen = self.seen(item)
        fill = filling(seen)
        hidden = (without(seen, fill, each) for each in self._hidden)
        return Prepared([{"image": seen}, *hidden], context=seen)

    def seen(self, item: ImageInput) -> Pixels:
        """Return what the model sees of a picture, [height, width, 3]. Raises InvalidInput as a prediction does."""
        return self._own.preprocess(item, ImageClassificationParameters()).rows[0]["image"]

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: ImageExplanationParameters
    ) -> ImageReasons:
        scores = np.stack([answer["probabilities"] for answer in answers]).astype(np.float64)
        label = one_label(scores, self.kernel.labels, parameters.label)
        heat = mean_loss(self._hidden, scores[0, label] - scores[1:, label])
        return ImageReasons(
            label=self.kernel.labels[label],
            score=float(scores[0, label]),
            heatmap=HeatMap(shape=(heat.shape[0], heat.shape[1]), values=rounded(heat)),
            overlay=overlay(prepared.context, heat),
        )


def windows(rows: int, columns: int) -> Kept:
    """Every place of a window on `rows` x `columns` cells, true where it hides, [windows, rows, columns].

    It may stand over the rim, so that as many windows hide a cell there as in the middle.
    """
    places = list(product(range(1 - WINDOW, rows), range(1 - WINDOW, columns)))
    found = np.zeros((len(places), rows, columns), np.bool_)
    for i, (top, left) in enumerate(places):
        found[i, max(top, 0) : top + WINDOW, max(left, 0) : left + WINDOW] = True
    return found


def mean_loss(hidden: Kept, lost: Floats) -> Floats:
    """Return for each cell the mean of `lost` [windows] over the windows that hide it."""
    return np.asarray(np.tensordot(lost, hidden, axes=1) / hidden.sum(axis=0))


def filling(pixels: Pixels) -> Pixels:
    """Return the colour, [3], that covers what is hidden: the mean of the picture."""
    return np.asarray(pixels.mean(axis=(0, 1)).round(), np.uint8)
