"""Paint a picture from a seed, of a class if the model knows classes."""

import secrets
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from app.errors import InferenceFailed, InvalidInput
from app.tasks.characters import find_alike
from app.tasks.contract import Contract
from app.tasks.file_bytes import FileBytes, from_base64
from app.tasks.kernel import Kernel
from app.tasks.labels import read_labels
from app.tasks.schema import Schema
from app.tasks.view import Prepared, View
from app.tensors import Array, Session, Tensors

LARGEST_SEED = 2**32 - 1
MAX_LISTED = 20  # classes that an error names


class ImageGenerationConfig(Schema):
    """The graph maps `noise` (fp32 [batch, latent], standard normal) to `image` (uint8 [batch, height, width, 1 or 3]).

    If it knows classes, it also reads `class` (int64 [batch]), and `labels` names the artifact with their names, a
    JSON list. It must be deterministic: all chance is in the noise.
    """

    latent: Annotated[int, Field(ge=1, le=100_000)]
    labels: str | None = None


class SeedInput(Schema):
    label: Annotated[
        str | None,
        Field(
            alias="class",
            description="what to paint, one of the model's classes; by default the seed decides",
            examples=["sneaker", None],
        ),
    ] = None
    seed: Annotated[
        StrictInt | None,
        Field(ge=0, le=LARGEST_SEED, description="the same seed gives the same picture; by default a new one is drawn"),
    ] = None


class ImageGenerationParameters(Schema):
    scale: Annotated[int, Field(ge=1, le=16, description="how many pixels wide and high each pixel is painted")] = 1


class GeneratedImage(BaseModel):
    """`class` and `seed` are those that were used: sent back, they give this picture again."""

    model_config = ConfigDict(serialize_by_alias=True)

    image: Annotated[FileBytes, Field(repr=False, description="a PNG file in base64")]
    label: Annotated[str | None, Field(alias="class", description="what it shows, if the model knows classes")]
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)]


class ImageGenerationKernel(Kernel):
    Config = ImageGenerationConfig

    def __init__(self, config: ImageGenerationConfig, files: Mapping[str, Path]) -> None:
        self.latent = config.latent
        self.labels = [] if config.labels is None else read_labels(files[config.labels])

    def row(self, seed: int, label: int | None) -> Tensors:
        """The noise of a seed, and the class with that index, or one that the seed decides."""
        # Not a Generator: only the stream of RandomState is promised never to change (NEP 19).
        random = np.random.RandomState(seed)
        row: dict[str, Array] = {"noise": random.standard_normal(self.latent).astype(np.float32)}
        if self.labels:
            # The noise comes first, so that it is the same whether a class is named or drawn.
            row["class"] = np.asarray(random.randint(len(self.labels)) if label is None else label, np.int64)
        return row

    def probe(self, length: int) -> Tensors:
        return self.row(0, None)  # any seed costs the same

    def forward(self, sessions: Mapping[str, Session], batch: Tensors) -> Tensors:
        # One by one: beside other rows a kernel may add up in another order, and a pixel round to its neighbour.
        images = [
            sessions["model"].run({name: array[i : i + 1] for name, array in batch.items()})["image"]
            for i in range(len(batch["noise"]))
        ]
        return {"image": np.concatenate(images)}


def pixels(output: Any) -> Any:
    """An output with its pixels instead of the file: two PNG encoders make different files of one picture."""
    return {**output, "image": np.asarray(Image.open(BytesIO(from_base64(output["image"])))).tolist()}


class ImageGeneration(View[ImageGenerationKernel]):
    """Paint one picture for each input. A seed gives the same picture, bit for bit, whatever else is asked for;
    another version of the model, or another kind of processor, may round a pixel otherwise."""

    contract = Contract(
        "unconditional-image-generation",
        __qualname__,
        __doc__,
        Input=SeedInput,
        Parameters=ImageGenerationParameters,
        Output=GeneratedImage,
        example={"seed": 7},
        binary_answer=("image", "image/png"),
        comparable=pixels,
    )

    def is_repeatable(self, item: SeedInput, parameters: ImageGenerationParameters) -> bool:
        return item.seed is not None

    def is_quick(self, item: SeedInput) -> bool:
        return True

    def preprocess(self, item: SeedInput, parameters: ImageGenerationParameters) -> Prepared:
        chosen = self._index(item.label)
        seed = secrets.randbelow(LARGEST_SEED + 1) if item.seed is None else item.seed
        return Prepared([self.kernel.row(seed, chosen)], context=seed)

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: ImageGenerationParameters
    ) -> GeneratedImage:
        label = self.kernel.labels[int(prepared.rows[0]["class"])] if self.kernel.labels else None
        image = to_png(answers[0]["image"], parameters.scale)
        return GeneratedImage.model_validate({"image": image, "class": label, "seed": prepared.context})

    def _index(self, label: str | None) -> int | None:
        if label is None:
            return None
        if not self.kernel.labels:
            raise InvalidInput("this model knows no classes; leave it out").under("class")
        known_label = find_alike(label, self.kernel.labels)
        if known_label is None:
            known = ", ".join(self.kernel.labels[:MAX_LISTED]) + (", …" if len(self.kernel.labels) > MAX_LISTED else "")
            raise InvalidInput(f"unknown class {label!r:.80}; there are: {known}").under("class")
        return self.kernel.labels.index(known_label)


def to_png(image: npt.NDArray[Any], scale: int) -> bytes:
    """uint8 [height, width, 1 or 3] as a PNG file, each pixel `scale` times as wide and high."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
        raise InferenceFailed(f"the model gave {image.dtype} {list(image.shape)} for a picture")
    large = image.repeat(scale, axis=0).repeat(scale, axis=1)
    file = BytesIO()
    Image.fromarray(large[:, :, 0] if large.shape[2] == 1 else large).save(file, "PNG")
    return file.getvalue()
