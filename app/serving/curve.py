"""The time a batch takes, by measurement. Knows nothing of models or threads."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from time import perf_counter

WORTH = 0.98  # of what a row costs at best so far, at most, for a larger batch to be worth it


class LatencyCurve:
    """Seconds of one batch, as a function of its rows and its padded length.

    Linear between the measured points; beyond them a batch costs as much per row and per unit of length as at the edge.
    """

    def __init__(self, points: Mapping[tuple[int, int], float]) -> None:
        """`points` maps (rows, length) to seconds; every length must have a point for one row."""
        self.points = dict(points)
        self._by_length: dict[int, list[tuple[int, float]]] = {}
        for (rows, length), seconds in sorted(points.items()):
            self._by_length.setdefault(length, []).append((rows, seconds))
        self._lengths = sorted(self._by_length)
        self.seconds = cache(self._seconds)
        self.row_seconds = cache(self._row_seconds)

    def _seconds(self, rows: int, length: int) -> float:
        """Return the seconds of a batch of `rows` rows padded to `length`."""
        edge = self._lengths[-1]
        if length >= edge:
            return _interpolate(self._by_length[edge], rows) * length / edge
        above = bisect_left(self._lengths, length)
        if above == 0:
            return _interpolate(self._by_length[self._lengths[0]], rows)
        short, long = self._lengths[above - 1], self._lengths[above]
        share = (length - short) / (long - short)
        return (1 - share) * _interpolate(self._by_length[short], rows) + share * _interpolate(
            self._by_length[long], rows
        )

    def _row_seconds(self, length: int) -> float:
        """Return the seconds that a row of this length costs in the best batch of rows like it."""
        sizes = {rows for points in self._by_length.values() for rows, _ in points}
        return min(self._seconds(rows, length) / rows for rows in sizes)

    def best_batch_size(self, length: int) -> int:
        sizes = sorted({rows for points in self._by_length.values() for rows, _ in points})
        return min(sizes, key=lambda rows: self._seconds(rows, length) / rows)


def _interpolate(points: Sequence[tuple[int, float]], rows: int) -> float:
    above = bisect_left(points, (rows, 0.0))
    if above == len(points):
        most, seconds = points[-1]
        return seconds * rows / most
    if above == 0:
        return points[0][1]
    (few, fast), (many, slow) = points[above - 1], points[above]
    return fast + (slow - fast) * (rows - few) / (many - few)


def measure(
    run: Callable[[int, int], object],
    lengths: Sequence[int],
    max_batch_size: int,
    *,
    budget_s: float,
    num_lengths: int = 4,
    repeats: int = 3,
    clock: Callable[[], float] = perf_counter,
) -> LatencyCurve:
    """Measure `run(rows, length)` over doubling batch sizes at `num_lengths` of `lengths`, within about `budget_s`.

    The fastest of a few repeats counts, since whatever else the machine does only ever adds time. Two sizes in a row
    that make a row no cheaper end a length: on a CPU larger batches are often slower, and always take more memory.
    """
    last = len(lengths) - 1
    few = sorted({lengths[round(i * last / (num_lengths - 1))] for i in range(num_lengths)})
    points: dict[tuple[int, int], float] = {}
    end = clock() + budget_s
    for position, length in enumerate(few):
        share_end = clock() + (end - clock()) / (len(few) - position)
        rows, cheapest, in_vain = 1, float("inf"), 0
        while rows <= max_batch_size and in_vain < 2:
            points[rows, length] = _fastest(run, rows, length, share_end, repeats, clock)
            per_row = points[rows, length] / rows
            in_vain = in_vain + 1 if per_row > WORTH * cheapest else 0
            rows, cheapest = 2 * rows, min(cheapest, per_row)
            if clock() >= share_end:
                break
    return LatencyCurve(points)


def _fastest(
    run: Callable[[int, int], object], rows: int, length: int, end: float, repeats: int, clock: Callable[[], float]
) -> float:
    fastest = float("inf")
    for _ in range(repeats):
        started = clock()
        run(rows, length)
        fastest = min(fastest, clock() - started)
        if clock() >= end:
            break
    return fastest
