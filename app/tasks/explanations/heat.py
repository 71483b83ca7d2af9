"""A heat map as numbers, and laid over the picture that it is of."""

from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from app.tasks.explanations.coalitions import Floats

LEAST_SIDE = 224  # of an overlay; a smaller picture is enlarged
MOST_OPAQUE = 0.65  # the picture must show through the hottest place
# As what is heated glows. What is negative has no colour: it spoke for something else.
_STOPS = np.array([0.0, 0.35, 0.7, 1.0])
_GLOW = np.array([[90, 0, 60], [215, 25, 28], [253, 174, 60], [255, 255, 160]], np.float64)


def overlay(pixels: npt.NDArray[np.uint8], heat: Floats) -> bytes:
    """A PNG of `pixels` [height, width, 3] in grey, and the positive part of `heat` [rows, columns] warm."""
    picture = Image.fromarray(pixels)
    times = max(1.0, LEAST_SIDE / min(picture.size))
    size = round(times * picture.width), round(times * picture.height)
    picture = picture.resize(size, Image.Resampling.NEAREST)
    warmth = np.clip(heat, 0, None)
    warmth = warmth / (warmth.max() or 1.0)
    small = Image.fromarray(warmth.astype(np.float32), "F")
    smooth = np.asarray(small.resize(size, Image.Resampling.BICUBIC)).clip(0, 1).astype(np.float64)
    colours = np.stack([np.interp(smooth, _STOPS, _GLOW[:, channel]) for channel in range(3)], axis=-1)
    grey = np.asarray(picture.convert("L").convert("RGB"), np.float64)
    opacity = MOST_OPAQUE * np.sqrt(smooth)[..., np.newaxis]
    blended = grey * (1 - opacity) + colours * opacity
    file = BytesIO()
    Image.fromarray(blended.round().astype(np.uint8)).save(file, "PNG")
    return file.getvalue()
