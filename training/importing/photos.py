"""The photos on which imported models that see are compared with transformers, in files of every kind."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from PIL import ExifTags, Image

from app.tasks.file_bytes import from_base64
from training.data.photos import scikit_photos

ON_ITS_SIDE = 6  # a value of EXIF's orientation


def compared_photos() -> Mapping[str, bytes]:
    """Seven photos by what they show, and the first of them grey, transparent, on its side, as a strip and small."""
    photos = scikit_photos()
    name, content = next(iter(photos.items()))
    photo = Image.open(BytesIO(content)).convert("RGB")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = ON_ITS_SIDE
    return {
        **photos,
        f"{name}, grey": _file(photo.convert("L"), "JPEG"),
        f"{name}, transparent": _file(photo.convert("RGBA").rotate(15, expand=True), "PNG"),
        f"{name}, on its side": _file(photo, "JPEG", exif=exif),
        f"{name}, a strip": _file(photo.resize((600, 40)), "PNG"),
        f"{name}, small": _file(photo.resize((31, 23)), "PNG"),
    }


def picture_in(item: Mapping[str, Any]) -> Image.Image:
    """The picture of an item as JSON, as the pipeline of transformers takes it."""
    return Image.open(BytesIO(from_base64(item["image"])))


def _file(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
