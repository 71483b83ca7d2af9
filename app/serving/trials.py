"""Measure what batches take, on a machine that may be doing other things meanwhile. Knows nothing of models."""

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter

from app.serving.curve import Cell, LatencyCurve

WORTH = 0.98  # of what a row costs at best so far, at most, for a larger batch to be worth it
MOST_JUMP = 2.5  # times what half of the rows take, above which a batch is tried again
TRIES_AGAIN = 3

Timed = Callable[[int, int], float]
"""Runs a batch of so many rows of a length, and returns the seconds that count."""


def measure(
    timed: Timed,
    lengths: Sequence[int],
    max_batch_size: int,
    *,
    budget_s: float,
    num_lengths: int = 4,
    repeats: int = 4,
    clock: Callable[[], float] = perf_counter,
) -> LatencyCurve:
    """Measure doubling batch sizes at `num_lengths` of `lengths`, within about `budget_s`.

    The least of a few repeats counts, since whatever else the machine does only ever adds time; and all batches are run
    before one is run again, so that what disturbs for a moment disturbs none of them each time. Two sizes in a row that
    make a row no cheaper end a length: on a CPU larger batches are often slower, and always take more memory. What
    disagrees with its neighbours is tried again, and no batch is believed to take longer than one that is larger.
    """
    last = len(lengths) - 1
    few = sorted({lengths[round(i * last / (num_lengths - 1))] for i in range(num_lengths)})
    trials, end = _Trials(timed, max_batch_size), clock() + budget_s
    for position, length in enumerate(few):
        share_end = clock() + (end - clock()) / (len(few) - position)
        for rows in trials.sizes(length):
            trials.run(rows, length)
            if clock() >= share_end:
                break
            trials.run(rows, length)  # the first of a shape takes its memory
    for _ in range(repeats - 2):
        for length in few:
            for rows in trials.sizes(length):
                if clock() >= end:
                    return trials.curve()
                trials.run(rows, length)
    for _ in range(TRIES_AGAIN):
        for cell in trials.doubtful():
            if clock() >= end:
                return trials.curve()
            trials.run(*cell)
    return trials.curve()


class _Trials:
    """The least seconds of each batch so far."""

    def __init__(self, timed: Timed, most_rows: int) -> None:
        self._timed, self._most_rows = timed, most_rows
        self._least: dict[Cell, float] = {}

    def run(self, rows: int, length: int) -> None:
        self._least[rows, length] = min(self._timed(rows, length), self._least.get((rows, length), float("inf")))

    def sizes(self, length: int) -> Iterator[int]:
        """Rows, doubling for as long as that pays by what is known when the next is asked for."""
        rows, cheapest, in_vain = 1, float("inf"), 0
        while rows <= self._most_rows and in_vain < 2:
            yield rows
            per_row = self._least[rows, length] / rows
            in_vain = in_vain + 1 if per_row > WORTH * cheapest else 0
            rows, cheapest = 2 * rows, min(cheapest, per_row)

    def doubtful(self) -> list[Cell]:
        """Batches that took longer than larger ones, or far longer than twice what half of their rows took."""
        return [
            (rows, length)
            for (rows, length), seconds in self._least.items()
            if seconds > self._least_of_larger(rows, length)
            or seconds > MOST_JUMP * self._least.get((rows // 2, length), seconds)
        ]

    def curve(self) -> LatencyCurve:
        return LatencyCurve({cell: self._least_of_larger(*cell) for cell in self._least})

    def _least_of_larger(self, rows: int, length: int) -> float:
        return min(least for (more, longer), least in self._least.items() if more >= rows and longer >= length)
