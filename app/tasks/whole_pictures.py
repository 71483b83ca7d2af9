"""Models that read a picture as a whole, and answer in its own pixels: they find things, or tell where what is."""

from collections.abc import Hashable, Sequence
from math import ceil
from typing import Annotated, Any, Generic, TypeVar

import numpy as np
from PIL import Image
from pydantic import Field, model_validator

from app.errors import InvalidInput
from app.tasks.image_input import CAT, ImageInput
from app.tasks.image_view import ImageKernel
from app.tasks.pixels import Picture, PixelsConfig, needs_of_picture, read_picture
from app.tasks.schema import Schema
from app.tasks.view import Needs, Prepared, View
from app.tensors import Tensors

TILE = 32  # pixels on a side: for each tile networks have about one place to look at
MOST_TILES = 4096  # of what a model reads: attention takes memory by their square


class WholePictureConfig(Schema):
    """The graph reads pictures as `image`, uint8 [batch, height, width, 3], resized and cut as `pixels` says."""

    pixels: PixelsConfig
    least_side: Annotated[int, Field(ge=1, le=512, description="pixels that each side has then")] = 1

    @model_validator(mode="after")
    def _has_a_size(self) -> "WholePictureConfig":
        if self.pixels.size is None and self.pixels.resize is None:
            raise ValueError("pixels must say to which size pictures are resized")
        return self


class WholePictureKernel(ImageKernel):
    """Pictures of different sizes share no batch, so that none is padded; `length` is how many tiles they have."""

    def __init__(self, config: WholePictureConfig) -> None:
        self.config = config
        self._example = read_picture(CAT, config.pixels).pixels
        tiles = self.length({"image": self._example})
        self.lengths: Sequence[int] = (tiles,) if config.pixels.size else sorted({max(1, tiles // 2), tiles})

    def picture(self, content: bytes) -> Picture:
        """Raises InvalidInput."""
        found = read_picture(content, self.config.pixels)
        height, width, _ = found.pixels.shape
        tall, wide = found.original
        self._require_size(height, width, f"the image is {wide} x {tall} pixels, and as this model reads it")
        return found

    def rows_of(self, batch: Tensors) -> list[Tensors]:
        _, height, width, _ = batch["image"].shape
        try:
            self._require_size(height, width, "pictures are")
        except InvalidInput as error:
            raise error.under("image") from None
        return super().rows_of(batch)

    def _require_size(self, height: int, width: int, made: str) -> None:
        if min(height, width) < self.config.least_side:
            raise InvalidInput(f"{made} {width} x {height}; each side must have at least {self.config.least_side} then")
        if _tiles(height, width) > MOST_TILES:
            raise InvalidInput(f"{made} {width} x {height}; there may be {MOST_TILES * TILE**2:,} pixels then")

    def row(self, picture: bytes) -> Tensors:
        return {"image": self.picture(picture).pixels}

    def length(self, row: Tensors) -> int:
        return _tiles(*row["image"].shape[:2])

    def group(self, row: Tensors) -> Hashable:
        return row["image"].shape

    def probe(self, length: int) -> Tensors:
        """The example, as wide as it must be to have about so many tiles."""
        height, width, _ = self._example.shape
        wide = max(1, round(width * length / self.lengths[-1]))
        return {"image": np.asarray(Image.fromarray(self._example).resize((wide, height)))}


def _tiles(height: int, width: int) -> int:
    return ceil(height / TILE) * ceil(width / TILE)


AnyKernel = TypeVar("AnyKernel", bound=WholePictureKernel)


class WholePictureView(View[AnyKernel], Generic[AnyKernel]):
    """A row for each picture; what postprocess needs besides is the size of the upright picture, (height, width)."""

    has_needs = True

    def needs(self, item: ImageInput) -> Needs:
        try:
            return needs_of_picture(item.image, self.kernel.config.pixels)
        except InvalidInput as error:
            raise error.under("image") from None

    def foreseen(self, item: ImageInput, parameters: Any) -> Sequence[int]:
        return self.kernel.lengths[:1]

    def preprocess(self, item: ImageInput, parameters: Any) -> Prepared:
        try:
            found = self.kernel.picture(item.image)
        except InvalidInput as error:
            raise error.under("image") from None
        return Prepared([{"image": found.pixels}], context=found.original)
