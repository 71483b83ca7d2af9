"""Rows that wait, and which of them make the next batch. Knows nothing of threads or time limits but `deadline`."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.serving.curve import LatencyCurve
from app.serving.shares import Line, Share, Shares, new_ticket

Row = TypeVar("Row")
Answer = TypeVar("Answer")

DISPATCH_S = 0.0001  # from one batch to the next, besides their runs: to the worker's thread and back
FEW_ROWS = 4  # within which a batch may yet turn out to be worth its padding
MOST_PADDING = 4.0  # times what the leader takes alone, at which no longer company is looked at


@dataclass(slots=True, eq=False)
class Waiting(Generic[Row, Answer]):
    """A row in the queue; `deadline` is of the event loop's clock, `turn` and `submitted` are of `perf_counter`.

    Only rows of one `group` can share a batch. `together` counts the rows of its request: it is answered when all of
    them are. `share` is that of its caller. `cost_s` is what it cost by the curve when it came, which may have learned
    since.
    """

    row: Row
    length: int
    group: Hashable
    turn: float
    submitted: float
    deadline: float
    future: asyncio.Future[Answer]
    together: int = 1
    share: Share = field(default_factory=Share)
    ticket: int = 0
    cost_s: float = 0.0
    traceparent: str = ""


class RowQueue(Generic[Row, Answer]):
    """Rows of many callers, by group and padded length.

    The row of whoever has had least leads every batch, so none starves. What joins it is decided by the latency curve:
    the companions and the padded length that save most waiting.
    """

    def __init__(self, curve: LatencyCurve) -> None:
        self._curve = curve
        self._line: Line[Waiting[Row, Answer]] = Line()
        self._buckets: dict[Hashable, dict[int, Line[Waiting[Row, Answer]]]] = {}
        self._counts: dict[tuple[Hashable, int], int] = {}
        self._size = 0
        self.shares = Shares()
        self.seconds = 0.0
        """The cost of all that waits, by the curve."""

    def __len__(self) -> int:
        return self._size

    def push(self, one: Waiting[Row, Answer]) -> None:
        one.ticket = new_ticket()
        one.cost_s = self._curve.row_seconds(one.length)
        self.shares.waits(one.share, one.cost_s)
        self._buckets.setdefault(one.group, {}).setdefault(one.length, Line()).push(one)
        self._line.push(one)
        self._size += 1
        self._counts[one.group, one.length] = self._counts.get((one.group, one.length), 0) + 1
        self.seconds += one.cost_s

    def discard(self, one: Waiting[Row, Answer]) -> bool:
        """Forget a row; false if it was not waiting."""
        if not one.ticket:
            return False
        one.ticket = 0
        self.shares.waits_no_more(one.share, one.cost_s)
        self._size -= 1
        self._counts[one.group, one.length] -= 1
        self._sweep(one.group, one.length)
        self.seconds = self.seconds - one.cost_s if self._size else 0.0
        return True

    def seconds_before(self, turn: float, share: Share, seconds: float = 0.0) -> float:
        """Return how many seconds of waiting rows, by the curve, go before `seconds` of new rows of this share.

        Of its own rows those go before whose turn is before `turn`.
        """
        own = sum(one.cost_s for one in self._line.of(share) if one.turn < turn)
        return own + self.shares.seconds_before(share, own + seconds)

    def take(
        self,
        max_batch_size: int,
        max_cells: Mapping[Hashable, float],
        seconds_until: Callable[[float], float] = lambda deadline: float("inf"),
        may: Callable[[Share], bool] | None = None,
    ) -> list[Waiting[Row, Answer]]:
        """Remove the next batch: the row whose turn it is, and who goes best with it. Empty if nothing waits.

        `max_cells` limits rows x padded length, for the groups it names. `seconds_until` tells what a batch may take,
        by the curve, if it is to be done by the deadline of the first: nobody joins who would make that one late.
        Nor does who wants much join who wants little. With `may`, only rows of shares for which it is true are taken.
        """
        first, leader = self._line.first(), self._line.first(may)
        if first is None or leader is None:
            return []
        cells, patience = max_cells.get(leader.group, float("inf")), seconds_until(leader.deadline)
        longest, size = self._best_batch(leader, max_batch_size, cells, patience)
        self.shares.leads(first.share)  # who is let ahead of it may have had far more
        batch = [leader]
        self._start(leader)
        lengths = self._buckets.get(leader.group, {})
        for length in sorted((length for length in lengths if length <= longest), reverse=True):
            while len(batch) < size and (one := self._companion(leader, length, may)) is not None:
                self._start(one)
                batch.append(one)
        return batch

    def _start(self, one: Waiting[Row, Answer]) -> None:
        self.discard(one)
        self.shares.starts(one.share, one.cost_s)

    def ended(self, batch: Sequence[Waiting[Row, Answer]], taken: float) -> None:
        """Count the `taken` seconds of a core that a batch took, shared out among its rows by what each should cost."""
        seconds = sum(one.cost_s for one in batch)
        for one in batch:
            self.shares.ends(one.share, one.cost_s, taken * one.cost_s / seconds)

    def _companion(
        self, leader: Waiting[Row, Answer], length: int, may: Callable[[Share], bool] | None
    ) -> Waiting[Row, Answer] | None:
        """The row of this length that goes before the others of its like, if it may go with `leader`."""
        bucket = self._buckets.get(leader.group, {}).get(length)
        one = bucket.first(may) if bucket else None
        return None if one is None or leader.share.is_light_beside(one.share) else one

    def _sweep(self, group: Hashable, length: int) -> None:
        """Drop what was discarded once it is most of a line: its turn may be far off, and its rows are large."""
        self._line.sweep(self._size)
        # Without this, groups that never come back would stay for ever.
        if self._counts[group, length]:
            self._buckets[group][length].sweep(self._counts[group, length])
            return
        del self._counts[group, length], self._buckets[group][length]
        if not self._buckets[group]:
            del self._buckets[group]

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
                waits = size * taken - in_turn + (self._size - size) * (taken - one_by_one)
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
