"""Pixels as the numbers that a graph reads of them."""

from typing import Literal

import numpy as np
from pydantic import FiniteFloat, model_validator

from app.tasks.schema import Schema
from app.tensors import Array

PerColour = tuple[FiniteFloat, FiniteFloat, FiniteFloat]


class ScalingConfig(Schema):
    """Pixels are uint8 from 0 to 255, or fp32 `(pixel / 255 - mean) / std` for red, green and blue.

    They are of shape [height, width, 3] if the layout is nhwc, [3, height, width] if it is nchw.
    """

    layout: Literal["nhwc", "nchw"] = "nhwc"
    mean: PerColour | None = None
    std: PerColour | None = None

    @model_validator(mode="after")
    def _is_scaled_or_not(self) -> "ScalingConfig":
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std belong together; without both, pixels are uint8")
        if self.std is not None and min(self.std) <= 0:
            raise ValueError("std must be larger than 0")
        return self


class PixelScaling:
    def __init__(self, config: ScalingConfig) -> None:
        self._is_scaled, self._colours_first = config.mean is not None, config.layout == "nchw"
        if config.mean is not None and config.std is not None:
            # pixel / 255 - mean, divided by std, as one product and one sum
            std = np.array(config.std, np.float32)
            self._scale = 1 / (255 * std)
            self._shift = -np.array(config.mean, np.float32) / std

    def __call__(self, pixels: Array) -> Array:
        """Return the numbers of pixels, uint8 [height, width, 3] with any dimensions before."""
        numbers = pixels * self._scale + self._shift if self._is_scaled else pixels
        return np.ascontiguousarray(np.moveaxis(numbers, -1, -3)) if self._colours_first else numbers
