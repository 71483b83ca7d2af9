"""The forms of tasks that find something in a picture, as `huggingface_hub` sends and parses them."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator

from app.api.hf.known import KnownOnly
from app.tasks.file_bytes import FileBytes
from app.tasks.image_segmentation import ImageSegmentationParameters, Regions
from app.tasks.object_detection import Detection, Detections, ObjectDetectionParameters


class HfDetectionParameters(KnownOnly, ObjectDetectionParameters):
    """Those of the native dialect."""


def detected(output: Detections, sent: HfDetectionParameters) -> Sequence[Detection]:
    return output.detections


class HfSegmentationParameters(KnownOnly, ImageSegmentationParameters):
    """Thresholds would change nothing: each pixel has one class."""

    subtask: Literal["semantic"] = "semantic"

    @field_validator("subtask", mode="before")
    @classmethod
    def _can_be_told(cls, value: Any) -> Any:
        if value in ("panoptic", "instance"):
            raise ValueError(
                f"{value} cannot be told: this model gives each pixel a class, and does not tell things of one class "
                "apart; leave it out or send semantic"
            )
        return value


class HfRegion(BaseModel):
    """`score` is null: a class has none for all its pixels."""

    score: float | None = None
    label: str
    mask: Annotated[FileBytes, Field(description="a PNG in base64, as large as the picture: white where it is")]


def segmented(output: Regions, sent: HfSegmentationParameters) -> Sequence[HfRegion]:
    return [HfRegion(label=one.label, mask=one.mask) for one in output.regions]
