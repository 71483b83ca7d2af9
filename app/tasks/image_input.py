"""A picture as an item has it."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from app.tasks.file_bytes import FileBytes
from app.tasks.schema import Schema

CAT = Path(__file__).with_name("cat.jpg").read_bytes()  # the example of views that read photos


class ImageInput(Schema):
    image: Annotated[
        FileBytes,
        Field(repr=False, description="a JPEG, PNG, WebP or GIF file in base64, with or without a data: URL's prefix"),
    ]
