"""Tell which class each pixel of a picture belongs to: a mask for each class that occurs."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field
from pydantic_core import to_json

from app.abandoned import require_wanted
from app.errors import InferenceFailed, InvalidInput
from app.tasks.contract import Contract
from app.tasks.file_bytes import FileBytes, to_base64
from app.tasks.image_input import CAT, ImageInput
from app.tasks.images import open_image
from app.tasks.json_pieces import array_of, object_with
from app.tasks.masks import Classes, classes_of, mask_of
from app.tasks.schema import Schema
from app.tasks.view import Needs, Prepared
from app.tasks.whole_pictures import WholePictureConfig, WholePictureKernel, WholePictureView
from app.tensors import Array, Tensors

MOST_PIXELS = 24_000_000  # of a picture: what is made of each is as large
PERCENT = 0.01  # of a picture: what covers less may be there by rounding alone


class ImageSegmentationConfig(WholePictureConfig):
    """The graph maps pictures to `logits` (fp32 [batch, classes, rows, columns]): scores on a grid over the picture."""

    labels: Annotated[list[str], Field(min_length=1)]


class ImageSegmentationParameters(Schema):
    pass


class Region(BaseModel):
    label: Annotated[str, Field(description="name of the class", examples=["sky"])]
    share: Annotated[float, Field(description="of the picture's pixels")]
    mask: Annotated[
        FileBytes,
        Field(repr=False, description="a PNG in base64, as large as the picture: white where it is"),
    ]


class Regions(BaseModel):
    width: Annotated[int, Field(description="of the upright picture, in pixels")]
    height: int
    regions: Annotated[list[Region], Field(description="one for each class that occurs, the largest first")]


class ImageSegmentationKernel(WholePictureKernel):
    Config = ImageSegmentationConfig

    def __init__(self, config: ImageSegmentationConfig, files: Mapping[str, Path]) -> None:
        super().__init__(config)
        self.labels = config.labels


def _written(output: Regions) -> Iterator[bytes]:
    regions = ([to_json(region)] for region in output.regions)
    return object_with({"width": output.width, "height": output.height}, regions=array_of(regions))


def shares(output: Any) -> Any:
    """Return the shares of an output without its masks, so small that a percent of the picture more changes little.

    Pixels between equal scores may go either way.
    """
    return {one["label"]: one["share"] * PERCENT for one in output["regions"] if one["share"] >= PERCENT}


class ImageSegmentation(WholePictureView[ImageSegmentationKernel]):
    """Tell which class each pixel of a picture belongs to: one mask for each class that occurs, the largest first."""

    contract = Contract(
        "image-segmentation",
        __qualname__,
        __doc__,
        Input=ImageInput,
        Parameters=ImageSegmentationParameters,
        Output=Regions,
        example={"image": to_base64(CAT)},
        binary_field="image",
        write=_written,
        comparable=shares,
    )

    def needs(self, item: ImageInput) -> Needs:
        needs = super().needs(item)  # counts those that are made of it, too
        width, height = open_image(item.image, min_side=1).size
        if (pixels := width * height) > MOST_PIXELS:
            raise InvalidInput(
                f"the image has {pixels:,} pixels; masks are made of at most {MOST_PIXELS:,}, so send it smaller"
            ).under("image")
        return needs

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: ImageSegmentationParameters
    ) -> Regions:
        height, width = prepared.context
        logits = answers[0]["logits"]
        if not np.isfinite(logits).all():
            raise InferenceFailed("the model gave numbers that are none")
        classes = classes_of(logits, height, width)
        counts = np.bincount(classes.ravel(), minlength=len(self.kernel.labels))
        found = [number for number in np.argsort(-counts, kind="stable").tolist() if counts[number]]
        regions = [self._region(classes, number, counts) for number in found]
        return Regions(width=width, height=height, regions=regions)

    def _region(self, classes: Classes, number: int, counts: Array) -> Region:
        require_wanted()
        share = float(counts[number] / classes.size)
        return Region(label=self.kernel.labels[number], share=share, mask=mask_of(classes, number))
