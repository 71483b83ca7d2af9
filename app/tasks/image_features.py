"""Pictures as vectors: what a graph makes of a photo before anybody has decided what it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from app.tasks.contract import Contract
from app.tasks.file_bytes import to_base64
from app.tasks.image_input import CAT, ImageInput
from app.tasks.image_view import ImageKernel, ImageView
from app.tasks.images import read_square
from app.tasks.schema import Schema
from app.tasks.vectors import finite, normalized
from app.tasks.view import Prepared
from app.tensors import Tensors

PerColour = tuple[FiniteFloat, FiniteFloat, FiniteFloat]


class ImageFeaturesConfig(Schema):
    """The graph maps a batch of square pictures to a batch of vectors.

    Pictures are uint8 from 0 to 255, or fp32 `(pixel / 255 - mean) / std` for red, green and blue, of shape
    [batch, size, size, 3] if the layout is nhwc, [batch, 3, size, size] if it is nchw.
    """

    input: str = "image"
    output: str = "features"
    image_size: Annotated[int, Field(ge=8, le=4096)] = 224
    resize_margin: Annotated[
        int, Field(ge=0, description="how many pixels the shorter side of the picture has more than the square in it")
    ] = 32
    layout: Literal["nhwc", "nchw"] = "nhwc"
    mean: PerColour | None = None
    std: PerColour | None = None

    @model_validator(mode="after")
    def _is_scaled_or_not(self) -> "ImageFeaturesConfig":
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std belong together; without both, pixels are uint8")
        if self.std is not None and min(self.std) <= 0:
            raise ValueError("std must be larger than 0")
        return self


class ImageFeaturesParameters(Schema):
    normalize: Annotated[bool, Field(description="scale the vector to length one")] = False


class ImageFeaturesKernel(ImageKernel):
    Config = ImageFeaturesConfig

    def __init__(self, config: ImageFeaturesConfig, files: Mapping[str, Path]) -> None:
        self.config = config
        if config.mean is not None and config.std is not None:
            # pixel / 255 - mean, divided by std, as one product and one sum
            std = np.array(config.std, np.float32)
            self._scale = 1 / (255 * std)
            self._shift = -np.array(config.mean, np.float32) / std

    def row(self, picture: bytes) -> Tensors:
        """Return what the model sees of a file. Raises InvalidInput."""
        pixels = read_square(picture, self.config.image_size, self.config.resize_margin)
        row = pixels if self.config.mean is None else pixels * self._scale + self._shift
        if self.config.layout == "nchw":
            row = np.ascontiguousarray(row.transpose(2, 0, 1))
        return {self.config.input: row}


class ImageFeatureExtraction(ImageView[ImageFeaturesKernel]):
    """Turn each picture into a vector, for a model of your own behind it, or to find pictures that are alike."""

    contract = Contract(
        "image-feature-extraction",
        __qualname__,
        __doc__,
        Input=ImageInput,
        Parameters=ImageFeaturesParameters,
        Output=list[float],
        example={"image": to_base64(CAT)},
        binary_field="image",
    )

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: ImageFeaturesParameters
    ) -> list[float]:
        vector = finite(answers[0][self.kernel.config.output].ravel())
        numbers: list[float] = (normalized(vector) if parameters.normalize else vector).tolist()
        return numbers
