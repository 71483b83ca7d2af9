"""Label what a picture shows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from app.tasks.contract import Contract
from app.tasks.file_bytes import to_base64
from app.tasks.image_graph import ImageGraph, ImageGraphConfig
from app.tasks.image_input import CAT, ImageInput
from app.tasks.image_view import ImageKernel, ImageView
from app.tasks.images import read_square
from app.tasks.labels import Label, best_labels, confidence, read_labels
from app.tasks.occlusion import shown
from app.tasks.pixels import PixelsConfig, needs_of_picture, read_picture
from app.tasks.schema import Schema
from app.tasks.view import Needs, Prepared
from app.tensors import Session, Tensors


class ImageClassificationConfig(Schema):
    """The graph maps `image` (uint8 [batch, height, width, 3]) to `probabilities` (fp32 [batch, labels]).

    Pictures are squares of `image_size`; or what `pixels` makes of them, all of one size.
    """

    labels: Annotated[str, Field(description="name of the artifact with the names of the classes, a JSON list")]
    image_size: Annotated[int, Field(ge=8, le=4096)] = 224
    resize_margin: Annotated[
        int, Field(ge=0, description="how many pixels the shorter side of the picture has more than the square in it")
    ] = 32
    pixels: PixelsConfig | None = None
    graph: Annotated[
        ImageGraphConfig | None, Field(description="what the graph of the file is, if it is of another form than this")
    ] = None

    @model_validator(mode="after")
    def _has_one_size(self) -> "ImageClassificationConfig":
        if self.pixels is None:
            return self
        if stated := {"image_size", "resize_margin"} & self.model_fields_set:
            raise ValueError(f"pixels tells the size of pictures, so {' and '.join(sorted(stated))} has no effect")
        if self.pixels.size is None:
            raise ValueError("pixels must tell a size that all pictures have: height and width, or crop")
        return self


class ImageClassificationParameters(Schema):
    top_k: Annotated[int, Field(ge=1, le=10_000, description="how many labels to return")] = 5


class ImageClassificationKernel(ImageKernel):
    Config = ImageClassificationConfig

    def __init__(self, config: ImageClassificationConfig, files: Mapping[str, Path]) -> None:
        self.image_size, self.resize_margin, self.pixels = config.image_size, config.resize_margin, config.pixels
        square = config.image_size, config.image_size
        self.size = square if config.pixels is None else config.pixels.size or square
        self.labels = read_labels(files[config.labels])
        self.class_names = {"probabilities": self.labels}
        self._graph = None if config.graph is None else ImageGraph(config.graph)

    def row(self, picture: bytes) -> Tensors:
        """Return what the model sees of a file. Raises InvalidInput."""
        if self.pixels is None:
            return {"image": read_square(picture, self.image_size, self.resize_margin)}
        return {"image": read_picture(picture, self.pixels).pixels}

    def needs(self, picture: bytes) -> Needs:
        return super().needs(picture) if self.pixels is None else needs_of_picture(picture, self.pixels)

    def collate(self, rows: Sequence[Tensors]) -> Tensors:
        return {"image": np.stack([shown(row) for row in rows])}

    def forward(self, sessions: Mapping[str, Session], batch: Tensors) -> Tensors:
        if self._graph is None:
            return super().forward(sessions, batch)
        return {"probabilities": self._graph.probabilities(sessions["model"], batch["image"])}


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
        confidence=confidence,
    )

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: ImageClassificationParameters
    ) -> list[Label]:
        return best_labels(answers[0]["probabilities"], self.kernel.labels, parameters.top_k)
