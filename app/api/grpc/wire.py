"""Protobuf's encoding, as far as tensors pass by it (https://protobuf.dev/programming-guides/encoding/).

What is a tensor's bytes stays where it arrived, and protobuf makes objects only of the rest of a message.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from app.errors import InvalidInput

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MOST_FIELDS = 5_000  # of one message: 1,000 inputs, their contents, as many outputs, and parameters
MOST_INSIDE = 10_000  # of all inputs and outputs: name, datatype, shape, contents, and parameters of each
MOST_VARINT_BYTES = 10  # 64 bits, seven a byte
NO_MESSAGE = "this is no message of the protocol"


class _Field(NamedTuple):
    """A field, and the positions where it begins, where its content does, and where both end."""

    number: int
    kind: int
    start: int
    content: int
    end: int


def taken_apart(message: bytes, number: int) -> tuple[bytes, list[memoryview]]:
    """Return `message` without the field of this number, which has bytes, and its contents, one for each time.

    Raises InvalidInput for what is no message, or has more fields than any request needs.
    """
    rest: list[memoryview] = []
    contents: list[memoryview] = []
    view = memoryview(message)
    for count, field in enumerate(_fields(view)):
        if count == MOST_FIELDS:
            raise InvalidInput(f"a request may have {MOST_FIELDS} inputs, outputs and parameters together")
        if field.kind == BYTES and field.number == number:
            contents.append(view[field.content : field.end])
        else:
            rest.append(view[field.start : field.end])
    return b"".join(rest), contents


def require_few_inside(message: bytes, numbers: Collection[int]) -> None:
    """Raise InvalidInput if the messages in the fields of these numbers have more fields than any request needs.

    To read a map takes protobuf the square of its size, and it holds the interpreter meanwhile.
    """
    view, count = memoryview(message), 0
    for field in _fields(view):
        if field.kind == BYTES and field.number in numbers:
            for _ in _fields(view[field.content : field.end]):
                count += 1
                if count > MOST_INSIDE:
                    raise InvalidInput(f"inputs and outputs may have {MOST_INSIDE} fields and parameters together")


def put_together(message: bytes, number: int, contents: Sequence[bytes | memoryview]) -> bytes:
    """Return `message` with so many more of the field of this number, which has bytes."""
    tag = _written(number << 3 | BYTES)
    pieces: list[bytes | memoryview] = [message]
    for content in contents:
        pieces += (tag, _written(memoryview(content).nbytes), content)
    return b"".join(pieces)


def _fields(message: memoryview) -> Iterator[_Field]:
    """Raises InvalidInput where it is no message any more."""
    position = 0
    while position < len(message):
        start = position
        tag, position = _varint(message, position)
        kind, size = tag & 7, 0
        if kind == BYTES:
            size, position = _varint(message, position)
        elif kind == VARINT:
            _, position = _varint(message, position)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise InvalidInput(NO_MESSAGE)
        if position + size > len(message):
            raise InvalidInput(NO_MESSAGE)
        yield _Field(tag >> 3, kind, start, position, position + size)
        position += size


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return a number, and the position after it."""
    number = 0
    for i, byte in enumerate(message[position : position + MOST_VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            return number, position + i + 1
    raise InvalidInput(NO_MESSAGE)


def _written(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
