"""Memory that the slots of a decoder have, one array for all of them."""

import mmap
from math import prod
from typing import Any

import numpy as np


class SlotMemory:
    """`array` [slots, heads, tokens, size], of `shape`. Memory is taken when it is written to."""

    def __init__(self, shape: tuple[int, int, int, int], dtype: np.dtype[Any]) -> None:
        self._slot_bytes = prod(shape[1:]) * dtype.itemsize
        # Private: pages of shared memory would be kept, though nobody maps them any more.
        self._memory = mmap.mmap(-1, shape[0] * self._slot_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.array = np.frombuffer(self._memory, dtype).reshape(shape)

    def swap(self, one: int, other: int, length: int) -> None:
        """Exchange the first `length` tokens of two slots."""
        kept = self.array[one, :, :length].copy()
        self.array[one, :, :length] = self.array[other, :, :length]
        self.array[other, :, :length] = kept

    def forget(self, slot: int) -> None:
        """Give back what a slot has taken, but for pages that it shares with its neighbours."""
        page = mmap.PAGESIZE
        first = -(-slot * self._slot_bytes // page) * page
        end = (slot + 1) * self._slot_bytes // page * page
        if end > first:
            self._memory.madvise(mmap.MADV_DONTNEED, first, end - first)
