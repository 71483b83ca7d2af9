"""Whole pictures as image processors of transformers make them with Pillow: resized, and their middle cut out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import Field, model_validator

from app.errors import InvalidInput
from app.tasks.images import MAX_PIXELS, UPRIGHT, damage_refused, open_image, orientation_of
from app.tasks.schema import Schema
from app.tasks.view import Needs

Side = Annotated[int, Field(ge=1, le=8192)]
Size = tuple[int, int]  # height and width, in pixels
Filter = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
FILTERS: Mapping[Filter, Image.Resampling] = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
WAYS = (
    {"height", "width"},
    {"shortest_edge"},
    {"shortest_edge", "longest_edge"},
    {"max_height", "max_width"},
)
"""The numbers that together state a size."""

# Measured peaks of reading, of a pixel of the file: Pillow has two pictures of 4 bytes each, or a progressive JPEG's
# coefficients beside one; WebP's decoder has canvases of its own.
BYTES_OF_A_STORED_PIXEL = 12
BYTES_OF_A_WEBP_PIXEL = 18
# Of a pixel that resizing makes: Pillow's rows, its columns, and the array.
BYTES_OF_A_MADE_PIXEL = 11


class Resize(Schema):
    """The size that a picture is resized to. Names are those of transformers.

    Exactly `height` x `width`; or, with its shape kept, so that its shorter side has `shortest_edge` pixels, unless
    its longer one would have more than `longest_edge`, which it has then; or the largest within `max_height` x
    `max_width`.
    """

    filter: Filter
    height: Side | None = None
    width: Side | None = None
    shortest_edge: Side | None = None
    longest_edge: Side | None = None
    max_height: Side | None = None
    max_width: Side | None = None

    @model_validator(mode="after")
    def _is_one_way(self) -> "Resize":
        if self.stated.keys() not in WAYS:
            raise ValueError(f"a size has {' or '.join(' and '.join(sorted(way)) for way in WAYS)}")
        return self

    @property
    def stated(self) -> dict[str, int]:
        return self.model_dump(exclude={"filter"}, exclude_none=True)

    def size(self, height: int, width: int) -> Size:
        """The size of a picture of `height` x `width` after it was resized; a side may be 0."""
        if self.height is not None and self.width is not None:
            return self.height, self.width
        if self.max_height is not None and self.max_width is not None:
            scale = min(self.max_height / height, self.max_width / width)
            return int(height * scale), int(width * scale)
        shorter, longer, short = min(height, width), max(height, width), self.shortest_edge or 0
        exact: float = short
        if self.longest_edge is not None and longer / shorter * short > self.longest_edge:
            exact = self.longest_edge * shorter / longer
            short = round(exact)
        long = longer if shorter == short else int(exact * longer / shorter)
        return (short, long) if height <= width else (long, short)


class PixelsConfig(Schema):
    """The way from an upright picture to pixels: resized, then cut to `crop`, [height, width], or to neither.

    Where it is smaller than `crop`, it lies in the middle of black.
    """

    resize: Resize | None = None
    crop: tuple[Side, Side] | None = None

    @property
    def size(self) -> Size | None:
        """Return the height and width that all pictures have then; None if those depend on the picture."""
        if self.crop is not None or self.resize is None:
            return self.crop
        stated = self.resize.stated
        return (stated["height"], stated["width"]) if "height" in stated else None


@dataclass(frozen=True, slots=True)
class Picture:
    """`pixels`: RGB, uint8 [height, width, 3]; `original`: the size of the upright picture in the file."""

    pixels: npt.NDArray[np.uint8]
    original: Size


def read_picture(content: bytes, config: PixelsConfig) -> Picture:
    """A JPEG, PNG, WebP or GIF (its first frame), the same to the pixel as it is for transformers.

    That turns it upright as EXIF says, and then makes RGB of it as Pillow does, which does not look at transparency.
    Raises InvalidInput if the bytes are no such picture, or are damaged, or hold more than MAX_PIXELS, or would when
    they are resized; sizes are known before a pixel is decoded. Thread-safe.
    """
    image: Image.Image = open_image(content, min_side=1)
    _made(image.size, config)
    with damage_refused():
        image.load()
        turn = UPRIGHT.get(orientation_of(image))
        image = image if turn is None else image.transpose(turn)
        image = image if image.mode == "RGB" else image.convert("RGB")
    original = image.height, image.width
    if config.resize is not None:
        height, width = config.resize.size(*original)
        image = image.resize((width, height), FILTERS[config.resize.filter])
    pixels = np.asarray(image)
    return Picture(pixels if config.crop is None else _middle(pixels, config.crop), original)


def needs_of_picture(content: bytes, config: PixelsConfig) -> Needs:
    """Return the needs of `read_picture`, by the picture's header. Raises InvalidInput as that does."""
    image = open_image(content, min_side=1)
    stored, made = image.width * image.height, _made(image.size, config)
    bytes_of_a_pixel = BYTES_OF_A_WEBP_PIXEL if image.format == "WEBP" else BYTES_OF_A_STORED_PIXEL
    return Needs(max(stored, made), stored * bytes_of_a_pixel + made * BYTES_OF_A_MADE_PIXEL)


def _made(sides: Size, config: PixelsConfig) -> int:
    """The most pixels at a time that resizing makes of a picture with these sides. Raises InvalidInput if too many."""
    if config.resize is None:
        return 0
    most = 0
    # Whether it is to be turned, a PNG may tell behind its pixels.
    for height, width in (sides, sides[::-1]):
        new_height, new_width = config.resize.size(height, width)
        if not min(new_height, new_width):
            raise InvalidInput(f"nothing is left of {sides[0]} x {sides[1]} pixels in the size that this model reads")
        # Pillow resizes every row first, and then every column.
        most = max(most, new_width * max(height, new_height))
    if most > MAX_PIXELS:
        raise InvalidInput(
            f"the image is {sides[0]} x {sides[1]} pixels, of which {most:,} are made on the way to the size that this "
            f"model reads; there may be {MAX_PIXELS:,}"
        )
    return most


def _middle(pixels: npt.NDArray[np.uint8], size: Size) -> npt.NDArray[np.uint8]:
    """The central part of `size`; where `pixels` end before it does, it is black."""
    (height, width), (tall, wide) = size, pixels.shape[:2]
    top, left = (tall - height) // 2, (wide - width) // 2
    if top >= 0 and left >= 0:
        # A copy: rows wait in a queue, and the rest of the picture would wait with them.
        return pixels[top : top + height, left : left + width].copy()
    middle = np.zeros((height, width, 3), np.uint8)
    within = pixels[max(top, 0) : max(top, 0) + height, max(left, 0) : max(left, 0) + width]
    y, x = max(-top, 0), max(-left, 0)
    middle[y : y + within.shape[0], x : x + within.shape[1]] = within
    return middle
