"""Scores of classes on a coarse grid, made as large as a picture: which class each pixel has, and a mask of each."""

import zlib
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from app.abandoned import require_wanted
from app.tensors import Array

TILE = 2**16  # pixels that are made at a time: their numbers stay in a core's own memory
FEWEST_COLUMNS = 256  # of a tile, however high it is
QUICK = {"compress_level": 1, "compress_type": zlib.Z_RLE}  # a mask is plain areas: more work makes it no smaller

Classes = npt.NDArray[np.unsignedinteger[Any]]
"""The number of a class for each pixel: of eight bits, or of sixteen if there are many."""


class Places(NamedTuple):
    """The two places of a grid, [length] each, between which a pixel lies, and how much of the second it has."""

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    share: npt.NDArray[np.float32]

    def part(self, start: int, end: int) -> "Places":
        return Places(self.first[start:end], self.second[start:end], self.share[start:end])


def classes_of(logits: Array, height: int, width: int) -> Classes:
    """Return the class of the highest score for each pixel, [height, width], the first of equal ones.

    `logits` are fp32 [classes, rows, columns], between which scores are interpolated (bilinear, with the corners of
    the pixels aligned, as torch has it by default). They are never all there at that size, which would take gigabytes:
    tile by tile, only classes are looked at that may be the highest there. Raises Abandoned if nobody waits any more.
    """
    logits = logits.astype(np.float32, copy=False)
    num_classes, num_rows, num_columns = logits.shape
    found: Classes = np.empty((height, width), np.min_scalar_type(num_classes))
    rows, columns = _places(num_rows, height), _places(num_columns, width)
    for top, bottom in _strips(rows):
        require_wanted()
        step = max(FEWEST_COLUMNS, TILE // (bottom - top))
        pair = logits[:, [rows.first[top], rows.second[top]]]
        for left in range(0, width, step):
            right = min(left + step, width)
            _fill(found[top:bottom, left:right], pair, rows.share[top:bottom], columns.part(left, right))
    return found


def mask_of(classes: Classes, number: int) -> bytes:
    """Return a grey PNG of the size of `classes` [height, width]: 255 where the class is `number`, 0 elsewhere."""
    file = BytesIO()
    Image.fromarray((classes == number).astype(np.uint8) * np.uint8(255)).save(file, "PNG", **QUICK)
    return file.getvalue()


def _places(count: int, length: int) -> Places:
    """The places of `length` pixels on a grid of `count`, in fp32, so that both sides round as torch does."""
    scale = np.float32(count) / np.float32(length)
    place = np.maximum(scale * (np.arange(length, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5), 0)
    first = np.minimum(place.astype(np.int64), count - 1)
    return Places(first, np.minimum(first + 1, count - 1), np.clip(place - first, 0, 1).astype(np.float32))


def _strips(rows: Places) -> Iterator[tuple[int, int]]:
    """Where rows of pixels begin and end that lie between the same two rows of the grid."""
    starts = [0, *(np.flatnonzero(np.diff(rows.first)) + 1).tolist(), len(rows.first)]
    yield from pairwise(starts)


def _fill(tile: Classes, pair: Array, shares: npt.NDArray[np.float32], columns: Places) -> None:
    """`tile` [rows, columns] of pixels between the two rows of `pair` [classes, 2, columns of the grid]."""
    low, high = int(columns.first[0]), int(columns.second[-1]) + 1
    first, second = columns.first - low, columns.second - low
    pair = pair[:, :, low:high]
    candidates = _candidates(pair)
    tile[:] = candidates[0]
    if len(candidates) == 1:
        return
    best = _between(pair[candidates[0]], first, second, columns.share, shares)
    for number in candidates[1:].tolist():
        score = _between(pair[number], first, second, columns.share, shares)
        np.copyto(tile, number, where=score > best)
        np.maximum(best, score, out=best)


def _candidates(pair: Array) -> npt.NDArray[np.int64]:
    """Return the classes that may have the highest score in a cell: at a corner, they reach the least of every other.

    What is interpolated lies between the scores at the corners.
    """
    most, least = pair.max(1), pair.min(1)
    if most.shape[1] > 1:
        most, least = np.maximum(most[:, 1:], most[:, :-1]), np.minimum(least[:, 1:], least[:, :-1])
    return np.flatnonzero((most >= least.max(0)).any(1))


def _between(pair: Array, first: Array, second: Array, share: Array, shares: Array) -> Array:
    """Scores [rows, columns] of one class between its `pair` [2, columns of the grid]."""
    lines = pair[:, first] * (1 - share) + pair[:, second] * share
    return np.asarray(lines[0] * (1 - shares)[:, np.newaxis] + lines[1] * shares[:, np.newaxis])
