"""JSON that is written piece by piece: in one go, a large answer would keep everyone waiting."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from pydantic_core import to_json

NULL = (b"null",)


def array_of(elements: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """A JSON array of elements, each of which comes in pieces."""
    return _joined(b"[", elements, b"]")


def object_of(fields: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """A JSON object of fields, each of which comes in pieces: its name, a colon and its value."""
    return _joined(b"{", fields, b"}")


def object_with(small: Mapping[str, Any], **large: Iterable[bytes]) -> Iterator[bytes]:
    """A JSON object of values that are soon written, and after them of `large` ones, each of which comes in pieces."""
    soon = ([to_json(name), b":", to_json(value)] for name, value in small.items())
    return object_of(chain(soon, (chain([to_json(name), b":"], pieces) for name, pieces in large.items())))


def _joined(start: bytes, parts: Iterable[Iterable[bytes]], end: bytes) -> Iterator[bytes]:
    yield start
    for i, part in enumerate(parts):
        if i:
            yield b","
        yield from part
    yield end
