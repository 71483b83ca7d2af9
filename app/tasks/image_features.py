"""Pictures as vectors: what a graph makes of a photo before anybody has decided what it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from app.tasks.contract import Contract
from app.tasks.file_bytes import to_base64
from app.tasks.image_input import CAT, ImageInput
from app.tasks.image_view import ImageKernel, ImageView
from app.tasks.images import read_square
from app.tasks.scaling import PixelScaling, ScalingConfig
from app.tasks.schema import Schema
from app.tasks.vectors import finite, normalized
from app.tasks.view import Prepared
from app.tensors import Tensors


class ImageFeaturesConfig(ScalingConfig):
    """The graph maps a batch of square pictures to a batch of vectors."""

    input: str = "image"
    output: str = "features"
    image_size: Annotated[int, Field(ge=8, le=4096)] = 224
    resize_margin: Annotated[
        int, Field(ge=0, description="how many pixels the shorter side of the picture has more than the square in it")
    ] = 32


class ImageFeaturesParameters(Schema):
    normalize: Annotated[bool, Field(description="scale the vector to length one")] = False


class ImageFeaturesKernel(ImageKernel):
    Config = ImageFeaturesConfig

    def __init__(self, config: ImageFeaturesConfig, files: Mapping[str, Path]) -> None:
        self.config, self._scaling = config, PixelScaling(config)

    def row(self, picture: bytes) -> Tensors:
        """Return what the model sees of a file. Raises InvalidInput."""
        pixels = read_square(picture, self.config.image_size, self.config.resize_margin)
        return {self.config.input: self._scaling(pixels)}


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
