"""Protobuf's encoding, as far as tensors pass by it (https://protobuf.dev/programming-guides/encoding/).

What is a tensor's bytes stays where it arrived, and protobuf makes objects only of the rest of a message.
"""

from collections.abc import Sequence

from app.errors import InvalidInput

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MOST_FIELDS = 5_000  # of one message: 1,000 inputs, their contents, as many outputs, and parameters
MOST_VARINT_BYTES = 10  # 64 bits, seven a byte
NO_MESSAGE = "this is no message of the protocol"


def taken_apart(message: bytes, number: int) -> tuple[bytes, list[memoryview]]:
    """Return `message` without the field of this number, which has bytes, and its contents, one for each time.

    Raises InvalidInput for what is no message, or has more fields than any request needs.
    """
    rest: list[memoryview] = []
    contents: list[memoryview] = []
    view, position = memoryview(message), 0
    for _ in range(MOST_FIELDS):
        if position == len(message):
            return b"".join(rest), contents
        start = position
        tag, position = _varint(message, position)
        kind = tag & 7
        if kind == BYTES:
            size, position = _varint(message, position)
            position += size
            if position > len(message):
                break
            if tag >> 3 == number:
                contents.append(view[position - size : position])
                continue
        elif kind == VARINT:
            _, position = _varint(message, position)
        elif kind in (FIXED64, FIXED32):
            position += 8 if kind == FIXED64 else 4
        else:
            break
        if position > len(message):
            break
        rest.append(view[start:position])
    else:
        raise InvalidInput(f"a request may have {MOST_FIELDS} inputs, outputs and parameters together")
    raise InvalidInput(NO_MESSAGE)


def put_together(message: bytes, number: int, contents: Sequence[bytes | memoryview]) -> bytes:
    """Return `message` with so many more of the field of this number, which has bytes."""
    tag = _written(number << 3 | BYTES)
    pieces: list[bytes | memoryview] = [message]
    for content in contents:
        pieces += (tag, _written(memoryview(content).nbytes), content)
    return b"".join(pieces)


def _varint(message: bytes, position: int) -> tuple[int, int]:
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
