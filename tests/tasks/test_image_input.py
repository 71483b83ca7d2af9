"""A picture in an item: bytes, or base64 in JSON."""

import base64
import json
import textwrap

import pytest
from pydantic import ValidationError

from app.tasks.image_input import CAT, ImageInput

STANDARD = base64.b64encode(CAT).decode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(STANDARD, id="standard alphabet"),
        pytest.param(base64.urlsafe_b64encode(CAT).decode(), id="URL-safe alphabet"),
        pytest.param(STANDARD.rstrip("="), id="without padding"),
        pytest.param("\r\n".join(textwrap.wrap(STANDARD, 76)), id="in lines"),
        pytest.param(f"data:image/jpeg;base64,{STANDARD}", id="data URL"),
        pytest.param(f"DATA:image/svg+xml;base64,{STANDARD}", id="data URL of another type"),
    ],
)
def test_an_image_may_come_as_base64_of_any_flavour(text: str) -> None:
    assert ImageInput.model_validate_json(json.dumps({"image": text})).image == CAT
    assert ImageInput.model_validate({"image": text}).image == CAT


def test_bytes_are_taken_as_they_are() -> None:
    assert ImageInput(image=b"AAAA").image == b"AAAA"
    assert ImageInput.model_validate({"image": CAT}).image == CAT


def test_an_item_survives_the_way_through_json() -> None:
    item = ImageInput(image=bytes(range(256)))
    assert ImageInput.model_validate_json(item.model_dump_json()) == item


@pytest.mark.parametrize("text", ["not base64!", "AAAAA", "A=AA", "é", "http://example.org/cat.jpg", "data:,AAAA"])
def test_what_is_not_base64_is_refused_in_plain_words(text: str) -> None:
    with pytest.raises(ValidationError, match="not valid base64; send the bytes of a file"):
        ImageInput.model_validate_json(json.dumps({"image": text}))


def test_the_schema_says_that_an_image_is_base64_text() -> None:
    schema = ImageInput.model_json_schema()["properties"]["image"]
    assert (schema["type"], schema["contentEncoding"]) == ("string", "base64")
    assert ImageInput.model_json_schema(mode="serialization")["properties"]["image"]["type"] == "string"


def test_an_items_repr_does_not_show_the_bytes() -> None:
    assert len(repr(ImageInput(image=CAT))) < 50
