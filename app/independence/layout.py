"""Where the rows of a batch lie in a tensor: in one of its dimensions, alone or folded together with others."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from app.tensors import Array


class Layout(NamedTuple):
    """Rows lie in dimension `axis`, whose size is `blocks` x rows x the rest."""

    axis: int
    blocks: int = 1

    def apart(self, array: Array, count: int) -> Array:
        """Return a view [outside, row, inside] of a contiguous array of `count` rows."""
        rest = array.shape[self.axis] // (self.blocks * count)
        outside, inside = prod(array.shape[: self.axis]) * self.blocks, rest * prod(array.shape[self.axis + 1 :])
        return array.reshape(outside, count, inside)

    def chosen(self, array: Array, count: int, rows: Sequence[int]) -> Array:
        """Return the array with these of its `count` rows, in this order."""
        shape = list(array.shape)
        shape[self.axis] = shape[self.axis] // count * len(rows)
        return np.ascontiguousarray(self.apart(array, count)[:, rows]).reshape(shape)


def layouts(shape: Sequence[int], other: Sequence[int], count: int, other_count: int) -> Iterator[Layout]:
    """Yield where rows may lie in a tensor that has `shape` with `count` rows and shape `other` with `other_count`."""
    if len(shape) != len(other):
        return
    differing = [axis for axis, sizes in enumerate(zip(shape, other, strict=True)) if sizes[0] != sizes[1]]
    if len(differing) != 1:
        return
    (axis,) = differing
    size, rest = divmod(shape[axis], count)
    if rest or other[axis] != size * other_count:
        return
    for blocks in range(1, size + 1):
        if size % blocks == 0:
            yield Layout(axis, blocks)
