"""Pictures of every kind as RGB, white where they are transparent."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile

# A PNG may call one colour transparent. Pillow keeps that colour as the file writes it, while it scales the pixels of
# these kinds to 8 bits: by so much.
_SCALES = {"L;2": 85, "L;4": 17}
_SIXTEEN_BITS, _LOWER_BYTES = "RGB;16B", "RGB;16L"  # how Pillow reads RGB of 16 bits: the upper byte, or the lower one

Box = tuple[int, int, int, int]


def crop(image: ImageFile, content: bytes, box: Box) -> Image.Image:
    """Return the part of `image` within `box` as RGB; `content` is its file."""
    key: Any = image.info.get("transparency")
    kind = image.tile[0].args if isinstance(image, PngImageFile) and key is not None else None
    if kind == _SIXTEEN_BITS:
        return _without_sixteen_bit_key(image, content, box, key)
    part = image.crop(box)
    if kind in _SCALES:
        part.info["transparency"] = key * _SCALES[kind]
    return to_rgb(part)


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a picture of any mode as RGB: the upper 8 bits of 16, white where it is transparent."""
    if image.mode.startswith("I"):
        values = np.asarray(image)
        grey = (values >> 8).clip(0, 255).astype(np.uint8)
        if "transparency" in image.info:
            grey[values == image.info["transparency"]] = 255
        image = Image.fromarray(grey)
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(image, mask=image)
        return paper
    return image if image.mode == "RGB" else image.convert("RGB")


def _without_sixteen_bit_key(image: ImageFile, content: bytes, box: Box, key: Sequence[int]) -> Image.Image:
    """Paint white what is of the colour `key`. Only both bytes of a sample tell, and Pillow gives one at a time."""
    again = PngImageFile(BytesIO(content))
    again.tile = [again.tile[0]._replace(args=_LOWER_BYTES)]
    upper, lower = np.array(image.crop(box)), np.asarray(again.crop(box))
    is_key = np.ones(upper.shape[:2], np.bool_)
    for channel, wanted in enumerate(key):
        is_key &= (upper[..., channel] == wanted >> 8) & (lower[..., channel] == wanted & 255)
    upper[is_key] = 255
    return Image.fromarray(upper)
