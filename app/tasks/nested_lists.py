"""Tensors as nested lists, and nested lists as tensors: how JSON writes them."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from pydantic_core import to_json

from app.errors import InvalidInput
from app.tasks.json_pieces import array_of
from app.tensors import NUMPY_TYPES, Array, Datatype

# JSON has no numbers for these. The texts are those of protobuf's JSON mapping; Python and numpy read them, too.
NOT_FINITE = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}

PIECE = 20_000  # elements, which are written in about ten milliseconds
MOST_DIMENSIONS = 64  # of numpy's arrays

# What the elements of a nested list may be, by the kind of the tensor's numpy type. bool is no number here.
ELEMENTS: dict[str, tuple[set[type], str]] = {
    "b": ({bool}, "true or false"),
    "i": ({int}, "integers"),
    "u": ({int}, "integers"),
    "f": ({int, float, str}, 'numbers, or "NaN", "Infinity", "-Infinity"'),
    "O": ({str}, "texts"),
}


def from_lists(value: Any, datatype: Datatype) -> Array:
    """An array of nested lists. Raises InvalidInput if they are ragged or hold what the type cannot."""
    kind = NUMPY_TYPES[datatype]
    elements, shape = _flattened(value)
    if len(shape) > MOST_DIMENSIONS:
        raise InvalidInput(f"is nested {len(shape)} deep; a tensor has at most {MOST_DIMENSIONS} dimensions")
    types, allowed = ELEMENTS[kind.kind]
    wrong = next((one for one in elements if type(one) not in types), None)
    if wrong is not None or None in elements:
        raise InvalidInput(f"must be {datatype}: {allowed}; it holds {wrong!r:.40}")
    if kind.kind in "iu":
        limits = np.iinfo(kind.name)
        outside = next((one for one in elements if not limits.min <= one <= limits.max), None)
        if outside is not None:
            raise InvalidInput(f"holds {outside!s:.40}, and {datatype} goes from {limits.min} to {limits.max}")
    if kind.kind == "f":
        return _floats(elements, datatype).reshape(shape)
    return np.array(elements, kind).reshape(shape)


def as_lists(array: Array) -> Any:
    """Nested lists of Python values, or one value of an array without dimensions."""
    array = np.asarray(array)
    if array.dtype == np.object_:
        return as_text(array).tolist()
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return array.tolist()
    written = array.astype(np.object_)
    written[np.isnan(array)], written[np.isposinf(array)], written[np.isneginf(array)] = NOT_FINITE
    return written.tolist()


def json_of(array: Array) -> Iterator[bytes]:
    """`as_lists` as JSON, in pieces of at most PIECE elements: lists of millions would keep everyone waiting."""
    if array.size <= PIECE:
        yield to_json(as_lists(array))
        return
    step = PIECE // (array.size // len(array))
    if not step:
        parts: Iterable[Iterable[bytes]] = map(json_of, array)
    else:
        blocks = (array[start : start + step] for start in range(0, len(array), step))
        parts = ([to_json(as_lists(block))[1:-1]] for block in blocks)
    yield from array_of(parts)


def as_text(array: Array) -> Array:
    """Return texts of texts or UTF-8 bytes. Raises InvalidInput for what is neither, with its indices in `array`."""
    texts: list[str] = []
    for one in array.ravel().tolist():
        try:
            text = one.decode() if isinstance(one, bytes) else one
            if not text.isascii() and text is one:  # what was decoded can be encoded, and a copy of it may be large
                text.encode()
        except (UnicodeError, AttributeError):
            place = [int(index) for index in np.unravel_index(len(texts), array.shape)]
            raise InvalidInput(f"must be valid Unicode texts; it holds {one!r:.40}").under(*place) from None
        texts.append(text)
    return np.array(texts, np.object_).reshape(array.shape)


def _flattened(value: Any) -> tuple[list[Any], list[int]]:
    """Elements of nested lists, and the shape; raises InvalidInput if that is not regular."""
    level, shape = [value], []
    while level and isinstance(level[0], list | tuple):
        lengths = {len(one) if isinstance(one, list | tuple) else -1 for one in level}
        if len(lengths) > 1:
            raise InvalidInput("the nested lists are ragged: those at the same depth must have the same length")
        shape.append(lengths.pop())
        level = list(chain.from_iterable(level))
    if any(isinstance(one, list | tuple) for one in level):
        raise InvalidInput("the nested lists are ragged: some elements are lists and some are not")
    return level, shape


def _floats(elements: list[Any], datatype: Datatype) -> Array:
    unknown = next((one for one in elements if isinstance(one, str) and one not in NOT_FINITE), None)
    if unknown is not None:
        raise InvalidInput(f"must be {datatype}: {ELEMENTS['f'][1]}; it holds {unknown!r:.40}")
    values = [NOT_FINITE[one] if isinstance(one, str) else one for one in elements]
    try:
        exact = np.array(values, np.float64)
    except OverflowError:  # an integer of more than 308 digits
        raise InvalidInput(f"holds a number that is too large for {datatype}") from None
    with np.errstate(over="ignore"):
        found = exact.astype(NUMPY_TYPES[datatype])
    lost = np.isinf(found) & np.isfinite(exact)
    if lost.any():
        raise InvalidInput(f"holds {exact[lost][0]:g}, which is too large for {datatype}")
    return found
