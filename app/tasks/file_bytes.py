"""The bytes of a file as an item has them: in JSON they travel as base64."""

import base64
import binascii
import re
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

DATA_URL = re.compile(r"\s*data:[^,]{0,200};\s*base64\s*,", re.IGNORECASE)  # of whatever type it says (RFC 2397)
TO_STANDARD = bytes.maketrans(b"-_", b"+/")


def from_base64(value: Any) -> Any:
    """Text of either base64 alphabet, wrapped or not, as bytes; what is not text stays as it is."""
    if not isinstance(value, str):
        return value
    start = DATA_URL.match(value)
    text = unquote(value[start.end() :]) if start else value
    try:
        digits = text.encode("ascii").translate(TO_STANDARD, delete=b" \t\r\n")
        return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4), strict_mode=True)
    except ValueError as error:
        raise PydanticCustomError(
            "base64", "not valid base64; send the bytes of a file in base64 (an address is not fetched)"
        ) from error


def to_base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


FileBytes = Annotated[
    bytes,
    BeforeValidator(from_base64),
    PlainSerializer(to_base64, when_used="json"),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
