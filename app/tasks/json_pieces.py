"""JSON that is written piece by piece: in one go, a large answer would keep everyone waiting."""

from collections.abc import Iterable, Iterator


def array_of(elements: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """A JSON array of elements, each of which comes in pieces."""
    return _joined(b"[", elements, b"]")


def object_of(fields: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """A JSON object of fields, each of which comes in pieces: its name, a colon and its value."""
    return _joined(b"{", fields, b"}")


def _joined(start: bytes, parts: Iterable[Iterable[bytes]], end: bytes) -> Iterator[bytes]:
    yield start
    for i, part in enumerate(parts):
        if i:
            yield b","
        yield from part
    yield end
