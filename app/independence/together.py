"""Rows answered alone and in company: the answers must be the same."""

from collections.abc import Callable, Sequence
from time import monotonic

import numpy as np

from app.errors import InferenceFailed
from app.tensors import Array, Tensors

Answer = Callable[[Sequence[Tensors]], Sequence[Tensors]]
"""Answers rows as one batch."""

FIRST_SIZES = (2, 3)  # the cheapest, one even and one odd; then the largest, and the rest while there is time
# How far two answers to one row may be apart: by rounding alone, since a kernel may add up in another order.
ROUNDING, ROUNDING_OF_LARGEST = 1e-2, 1e-3  # of the number itself, of the largest number
MOST_SECONDS = 2.0  # for the sizes that are left, after the first and the largest


class Untried(Exception):
    """The rows cannot be answered one by one, so they show nothing."""


def answers_alone(answer: Answer, rows: Sequence[Tensors]) -> list[Tensors]:
    """Raises Untried if there are none, InferenceFailed if they are not one for each row, and MemoryError."""
    try:
        return [answer([row])[0] for row in rows]
    except (MemoryError, InferenceFailed):
        raise
    except Exception as error:
        raise Untried(str(error)) from error


def fault_together(answer: Answer, rows: Sequence[Tensors], alone: Sequence[Tensors], largest: int) -> str | None:
    """Return in words how rows answer otherwise than `alone` in batches of up to `largest`, or None if they do not."""
    end = monotonic() + MOST_SECONDS
    for size in dict.fromkeys((*FIRST_SIZES, largest, *range(largest, 1, -1))):
        if size > largest or (monotonic() > end and size not in (*FIRST_SIZES, largest)):
            continue
        for places in _orders(len(rows), size):
            if fault := _fault(answer, rows, alone, places):
                return fault
    return None


def _orders(count: int, size: int) -> list[list[int]]:
    """Return which rows are in the batch, in which order; each of a few is once in each place."""
    forward = [i % count for i in range(size)]
    return [forward, [(count - 1 - i) % count for i in range(size)]] if size <= count else [forward]


def _fault(answer: Answer, rows: Sequence[Tensors], alone: Sequence[Tensors], places: Sequence[int]) -> str | None:
    try:
        together = answer([rows[i] for i in places])
    except MemoryError:
        raise
    except Exception as error:
        return f"{len(places)} rows fail together: {error}"
    for i, found in zip(places, together, strict=True):
        for name, array in found.items():
            if not alike(alone[i][name], array):
                return f"{name} of a row is another beside other rows, or in a batch of {len(places)}"
    return None


def alike(a: Array, b: Array) -> bool:
    """Return whether two answers to one row are the same, but for rounding in proportion to its largest number."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype.kind not in "fiu":
        return np.array_equal(a, b)
    if a.dtype.kind in "iu":
        most = 1 if a.dtype.itemsize == 1 else 0  # eight bits are a rounded number
        return bool((np.maximum(a, b) - np.minimum(a, b) <= most).all())
    a, b = a.astype(np.float64), b.astype(np.float64)
    largest = float(np.abs(a[np.isfinite(a)]).max(initial=0))
    return np.allclose(a, b, rtol=ROUNDING, atol=ROUNDING_OF_LARGEST * largest, equal_nan=True)
