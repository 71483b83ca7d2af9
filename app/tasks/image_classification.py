"""Label what a picture shows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from app.tasks.contract import Contract
from app.tasks.file_bytes import to_base64
from app.tasks.image_input import CAT, ImageInput
from app.tasks.image_view import ImageKernel, ImageView
from app.tasks.images import read_square
from app.tasks.labels import Label, best_labels, read_labels
from app.tasks.occlusion import shown
from app.tasks.schema import Schema
from app.tasks.view import Prepared
from app.tensors import Tensors


class ImageClassificationConfig(Schema):
    """The graph maps `image` (uint8 [batch, image_size, image_size, 3]) to `probabilities` (fp32 [batch, labels])."""

    labels: Annotated[str, Field(description="name of the artifact with the names of the classes, a JSON list")]
    image_size: Annotated[int, Field(ge=8, le=4096)] = 224
    resize_margin: Annotated[
        int, Field(ge=0, description="how many pixels the shorter side of the picture has more than the square in it")
    ] = 32


class ImageClassificationParameters(Schema):
    top_k: Annotated[int, Field(ge=1, le=10_000, description="how many labels to return")] = 5


class ImageClassificationKernel(ImageKernel):
    Config = ImageClassificationConfig

    def __init__(self, config: ImageClassificationConfig, files: Mapping[str, Path]) -> None:
        self.image_size, self.resize_margin = config.image_size, config.resize_margin
        self.labels = read_labels(files[config.labels])
        self.class_names = {"probabilities": self.labels}

    def row(self, picture: bytes) -> Tensors:
        """Return what the model sees of a file. Raises InvalidInput."""
        return {"image": read_square(picture, self.image_size, self.resize_margin)}

    def collate(self, rows: Sequence[Tensors]) -> Tensors:
        return {"image": np.stack([shown(row) for row in rows])}


class ImageClassification(ImageView[ImageClassificationKernel]):
    """Label what each picture shows; every label comes with its probability, best first."""

    contract = Contract(
        "image-classification",
        __qualname__,
        __doc__,
        Input=ImageInput,
        Parameters=ImageClassificationParameters,
        Output=list[Label],
        example={"image": to_base64(CAT)},
        binary_field="image",
    )

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: ImageClassificationParameters
    ) -> list[Label]:
        return best_labels(answers[0]["probabilities"], self.kernel.labels, parameters.top_k)
