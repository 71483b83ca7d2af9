"""Rows that wait, and which of them make the next batch. Knows nothing of threads or time limits but `deadline`."""

import asyncio
import heapq
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

from app.serving.curve import LatencyCurve

Row = TypeVar("Row")
Answer = TypeVar("Answer")

DISPATCH_S = 0.0001  # from one batch to the next, besides their runs: to the worker's thread and back
FEW_ROWS = 4  # within which a batch may yet turn out to be worth its padding
MOST_PADDING = 4.0  # times what the leader takes alone, at which no longer company is looked at


@dataclass(slots=True, eq=False)
class Waiting(Generic[Row, Answer]):
    """A row in the queue, by `turn`; `deadline` is of the event loop's clock, the others of `perf_counter`.

    `together` counts the rows of its request: it is answered when all of them are. Only rows of one `group` can share
    a batch.
    """

    row: Row
    length: int
    group: Hashable
    turn: float
    submitted: float
    deadline: float
    future: asyncio.Future[Answer]
    together: int = 1


class RowQueue(Generic[Row, Answer]):
    """Rows by group and padded length, in the order of their turns.

    The row whose turn is first leads every batch, so none starves. What joins it is decided by the latency curve:
    the companions and the padded length that save most waiting.
    """

    def __init__(self, curve: LatencyCurve) -> None:
        self._curve = curve
        self._buckets: dict[Hashable, dict[int, list[tuple[float, int, Waiting[Row, Answer]]]]] = {}
        self._in_order: list[tuple[float, int, Waiting[Row, Answer]]] = []
        self._live: set[Waiting[Row, Answer]] = set()
        self._counts: dict[tuple[Hashable, int], int] = {}
        self._serial = count()
        self.seconds = 0.0
        """What all that waits will cost, by the curve."""

    def __len__(self) -> int:
        return len(self._live)

    def push(self, one: Waiting[Row, Answer]) -> None:
        entry = (one.turn, next(self._serial), one)
        heapq.heappush(self._buckets.setdefault(one.group, {}).setdefault(one.length, []), entry)
        heapq.heappush(self._in_order, entry)
        self._live.add(one)
        self._counts[one.group, one.length] = self._counts.get((one.group, one.length), 0) + 1
        self.seconds += self._curve.row_seconds(one.length)

    def discard(self, one: Waiting[Row, Answer]) -> bool:
        """Forget a row; false if it was not waiting. Its place in the heap is swept when it comes up."""
        if one not in self._live:
            return False
        self._live.remove(one)
        self._counts[one.group, one.length] -= 1
        self._sweep(one.group, one.length)
        self.seconds = self.seconds - self._curve.row_seconds(one.length) if self._live else 0.0
        return True

    def seconds_before(self, turn: float) -> float:
        """What the rows will cost, by the curve, whose turn is before this one."""
        return sum(self._curve.row_seconds(one.length) for one in self._live if one.turn < turn)

    def take(
        self,
        max_batch_size: int,
        max_cells: Mapping[Hashable, float],
        seconds_until: Callable[[float], float] = lambda deadline: float("inf"),
    ) -> list[Waiting[Row, Answer]]:
        """Remove the next batch: the row whose turn is first, and who goes best with it. Empty if nothing waits.

        `max_cells` limits rows x padded length, for the groups it names. `seconds_until` tells what a batch may take,
        by the curve, if it is to be done by the deadline of the first: nobody joins who would make that one late.
        """
        leader = self._leader()
        if leader is None:
            return []
        cells, patience = max_cells.get(leader.group, float("inf")), seconds_until(leader.deadline)
        longest, size = self._best_batch(leader, max_batch_size, cells, patience)
        self.discard(leader)
        batch = [leader]
        lengths = self._buckets.get(leader.group, {})
        for length in sorted((length for length in lengths if length <= longest), reverse=True):
            while len(batch) < size and (one := self._first(leader.group, length)) is not None:
                self.discard(one)
                batch.append(one)
        return batch

    def _sweep(self, group: Hashable, length: int) -> None:
        """Drop what was discarded once it is most of a heap: its turn may be far off, and its rows are large."""
        self._shrink(self._in_order, len(self._live))
        self._shrink(self._buckets[group][length], self._counts[group, length])
        # Without this, groups that never come back would stay for ever.
        if not self._counts[group, length]:
            del self._counts[group, length], self._buckets[group][length]
            if not self._buckets[group]:
                del self._buckets[group]

    def _shrink(self, heap: list[tuple[float, int, Waiting[Row, Answer]]], num_live: int) -> None:
        if len(heap) > 2 * num_live + 16:
            heap[:] = [entry for entry in heap if entry[2] in self._live]
            heapq.heapify(heap)

    def _leader(self) -> Waiting[Row, Answer] | None:
        while self._in_order and self._in_order[0][2] not in self._live:
            heapq.heappop(self._in_order)
        return self._in_order[0][2] if self._in_order else None

    def _first(self, group: Hashable, length: int) -> Waiting[Row, Answer] | None:
        """The live row of this length whose turn is first; sweeps up what was discarded before it."""
        bucket = self._buckets.get(group, {}).get(length, [])
        while bucket and bucket[0][2] not in self._live:
            heapq.heappop(bucket)
        return bucket[0][2] if bucket else None

    def _best_batch(
        self, leader: Waiting[Row, Answer], max_batch_size: int, max_cells: float, patience: float
    ) -> tuple[int, int]:
        """Padded length and number of rows of the batch with `leader` in it that saves most waiting.

        Against running its rows one after another, every row in a batch waits for all of it, and every row that waits
        behind it gains, or loses, what the batch takes less, or more. So a small gain is taken when many wait, and a
        lone caller is not kept for it. The rows of the leader's own request lose nothing by a batch that is faster
        than they are one after another, since each would have waited for the last anyway.
        """
        seconds = self._curve.seconds
        waiting = {length: self._counts.get((leader.group, length), 0) for length in self._buckets[leader.group]}
        waiting[leader.length] -= 1
        lengths = sorted(length for length, rows in waiting.items() if rows or length == leader.length)
        best, least = (leader.length, 1), 0.0
        for longest in (length for length in lengths if length >= leader.length):
            size = 1
            one_by_one = in_turn = seconds(1, leader.length)  # when the last would be done, and all their waits
            for length in self._joining(lengths, waiting, longest):
                size += 1
                taken = seconds(size, longest)
                one_by_one += DISPATCH_S + seconds(1, length)
                in_turn = size * one_by_one if size <= leader.together else in_turn + one_by_one
                if size > max_batch_size or size * longest > max_cells or taken > patience:
                    break
                if taken > one_by_one and size > FEW_ROWS:  # shorter rows will not help
                    break
                waits = size * taken - in_turn + (len(self._live) - size) * (taken - one_by_one)
                if waits < least:
                    best, least = (longest, size), waits
            if seconds(1, longest) > MOST_PADDING * seconds(1, leader.length):
                break
        return best

    @staticmethod
    def _joining(lengths: Sequence[int], waiting: Mapping[int, int], longest: int) -> Iterator[int]:
        """The lengths of the rows that may join a batch of this padded length, the longest first."""
        for i in range(bisect_right(lengths, longest) - 1, -1, -1):
            for _ in range(waiting[lengths[i]]):
                yield lengths[i]
