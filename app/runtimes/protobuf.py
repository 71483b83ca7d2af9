"""The wire format of protocol buffers, read without a schema and without copying. Knows nothing of ONNX."""

from collections.abc import Iterator
from functools import cached_property

Buffer = bytes | memoryview

# By https://protobuf.dev/programming-guides/encoding/: a tag is the number of a field, and its kind in the last bits.
KIND_BITS = 3
TAG_MASK = 0xFFFFFFFF
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
WIDTHS = {FIXED64: 8, FIXED32: 4}
# A varint has seven bits of its value in each byte, the lowest first, and a flag in all but the last one.
VALUE_BITS, VALUE_MASK, GOES_ON = 7, 0x7F, 0x80
MOST_VARINT_BYTES = 10  # hold 64 bits


class Message:
    """The fields of one message by number. Raises ValueError when what is read is no message."""

    def __init__(self, content: Buffer) -> None:
        self.content = memoryview(content)

    @cached_property
    def fields(self) -> dict[int, list[int | memoryview]]:
        found: dict[int, list[int | memoryview]] = {}
        for number, value in _fields(self.content):
            found.setdefault(number, []).append(value)
        return found

    def all(self, number: int) -> list[memoryview]:
        return [value for value in self.fields.get(number, []) if isinstance(value, memoryview)]

    def message(self, number: int) -> "Message":
        """Return a message that occurs once; if it comes in pieces, the format says that they are put together."""
        pieces = self.all(number)
        return Message(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def messages(self, number: int) -> list["Message"]:
        return [Message(value) for value in self.all(number)]

    def texts(self, number: int) -> list[str]:
        return [bytes(value).decode() for value in self.all(number)]

    def text(self, number: int) -> str:
        return (self.texts(number) or [""])[-1]

    def integers(self, number: int) -> list[int]:
        """Return a list of integers, written one by one or packed."""
        found: list[int] = []
        for value in self.fields.get(number, []):
            found.extend([value] if isinstance(value, int) else _varints(value))
        return found

    def integer(self, number: int) -> int:
        return (self.integers(number) or [0])[-1]


def field(number: int, value: int | str | Buffer) -> bytes:
    """Return one field as it is written: an integer that is not negative, a text, or the bytes of a message."""
    if isinstance(value, int):
        return _varint(number << KIND_BITS | VARINT) + _varint(value)
    content = value.encode() if isinstance(value, str) else bytes(value)
    return _varint(number << KIND_BITS | BYTES) + _varint(len(content)) + content


def signed(value: int) -> int:
    """Return the int64 that was written as `value`: the format has negative ones as two's complement."""
    return value - (1 << 64) if value >> 63 else value


def unsigned(value: int) -> int:
    """Undo `signed`."""
    return value % (1 << 64)


def _fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    position = 0
    while position < len(content):
        tag, position = _read_varint(content, position)
        tag &= TAG_MASK  # longer ones are read so by others
        number, kind = tag >> KIND_BITS, tag & ((1 << KIND_BITS) - 1)
        if kind == VARINT:
            value, position = _read_varint(content, position)
            yield number, value
            continue
        if kind == BYTES:
            length, position = _read_varint(content, position)
        elif kind in WIDTHS:
            length = WIDTHS[kind]
        else:
            raise ValueError(f"a field of kind {kind}")
        if position + length > len(content):
            raise ValueError("a field that is cut short")
        yield number, content[position : position + length]
        position += length


def _varints(content: memoryview) -> list[int]:
    found, position = [], 0
    while position < len(content):
        value, position = _read_varint(content, position)
        found.append(value)
    return found


def _read_varint(content: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while shift < VALUE_BITS * MOST_VARINT_BYTES:
        if position >= len(content):
            raise ValueError("an integer that is cut short")
        byte = content[position]
        value |= (byte & VALUE_MASK) << shift
        position += 1
        if not byte & GOES_ON:
            return value, position
        shift += VALUE_BITS
    raise ValueError("an integer of more than ten bytes")


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > VALUE_MASK:
        written.append(value & VALUE_MASK | GOES_ON)
        value >>= VALUE_BITS
    written.append(value)
    return bytes(written)
