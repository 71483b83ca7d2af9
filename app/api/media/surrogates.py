"""Texts in JSON that are no Unicode: which of them it is, so that one of many is blamed and not the body."""

import re
from secrets import token_hex
from typing import Any

import numpy as np
from pydantic_core import from_json

from app.errors import InvalidInput

# What the reader of JSON says of half a surrogate pair, and of bytes that are not UTF-8.
_REASONS = {
    "unexpected end of hex escape": "half of a surrogate pair",
    "lone leading surrogate in hex escape": "half of a surrogate pair",
    "invalid unicode code point": "bytes that are not UTF-8",
}
_PLACE = re.compile(r"(.+) at line (\d+) column (\d+)")
_LONGEST_ESCAPES = 14  # bytes: a pair, and what the reader looks at behind it
_LONGEST_NAME = 80  # characters of a caller's own that an error repeats
CHUNK_BYTES = 262_144  # looked at as one
_MARK = token_hex(8).encode()  # ends no text of a caller


def not_unicode(body: bytes, error: str) -> InvalidInput | None:
    """Return the fault of the text at which reading `body` as JSON ended with `error`, with the path to the text.

    None if the body is no JSON for another reason.
    """
    place = _PLACE.fullmatch(error)
    if not place or place[1] not in _REASONS:
        return None
    offset = _offset(body, int(place[2]), int(place[3]))
    start = max(0, offset - _LONGEST_ESCAPES)
    ends = [start + escape.start() for escape in re.finditer(rb"\\u", body[start:offset])]
    for end in (*ends, offset - 1):
        # Cut off within the text and marked there, the body shows which text was being read.
        if path := _path_to_mark(body[:end] + _MARK):
            return InvalidInput(f"must be Unicode; it holds {_REASONS[place[1]]}").under(*path)
        if path := _path_to_mark(body[:end] + _MARK + b'":0'):
            return InvalidInput(f"has a field whose name is not Unicode: {_REASONS[place[1]]}").under(*path[:-1])
    return None


def _offset(body: bytes, line: int, column: int) -> int:
    if line == 1:
        return column
    left = line - 1  # line breaks before the line
    for start in range(0, len(body), CHUNK_BYTES):  # the places of all of them would take eight bytes each
        is_break = np.frombuffer(body, np.uint8, min(CHUNK_BYTES, len(body) - start), start) == ord("\n")
        there = int(np.count_nonzero(is_break))
        if left <= there:
            return start + int(np.flatnonzero(is_break)[left - 1]) + 1 + column
        left -= there
    raise ValueError(f"the body has no line {line}")


def _path_to_mark(beginning: bytes) -> list[str | int] | None:
    """The path to what was read last, if that, or its name, ends with the mark."""
    try:
        value: Any = from_json(beginning, allow_partial="trailing-strings")
    except ValueError:
        return None
    path: list[Any] = []
    while isinstance(value, list | dict) and value:
        path.append(len(value) - 1 if isinstance(value, list) else next(reversed(value)))
        value = value[path[-1]]
    is_marked = any(isinstance(one, str) and one.endswith(_MARK.decode()) for one in (value, *path[-1:]))
    return [one[:_LONGEST_NAME] if isinstance(one, str) else one for one in path] if is_marked else None
