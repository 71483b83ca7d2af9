"""A recording as an item has it: the bytes of its file, which travel in JSON as base64."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from app.tasks.file_bytes import FileBytes
from app.tasks.schema import Schema

FERRY = Path(__file__).with_name("ferry.ogg").read_bytes()  # the example of views that hear; a synthetic voice


class AudioInput(Schema):
    audio: Annotated[
        FileBytes,
        Field(
            repr=False,
            description="a WAV, FLAC, Ogg (Opus or Vorbis) or MP3 file in base64, with or without a data: URL's prefix",
        ),
    ]
