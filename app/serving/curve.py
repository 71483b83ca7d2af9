"""The time a batch takes, as a function. Knows nothing of models or threads."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cache

Cell = tuple[int, int]
"""Rows, and the length that they are padded to."""


class LatencyCurve:
    """Seconds of one batch, as a function of its rows and its padded length.

    Linear between the measured points; beyond them a batch costs as much per row and per unit of length as at the edge.
    """

    learned = 0
    """Batches that it has learned from."""

    def __init__(self, points: Mapping[Cell, float]) -> None:
        """`points` maps (rows, length) to seconds; every length must have a point for one row."""
        self.seconds = cache(self._seconds)
        self.row_seconds = cache(self._row_seconds)
        self._set(points)

    def _set(self, points: Mapping[Cell, float]) -> None:
        self.points = dict(points)
        self._by_length: dict[int, list[tuple[int, float]]] = {}
        for (rows, length), seconds in sorted(points.items()):
            self._by_length.setdefault(length, []).append((rows, seconds))
        self._lengths = sorted(self._by_length)
        self.seconds.cache_clear()
        self.row_seconds.cache_clear()

    def learn(self, rows: int, length: int, taken_s: float, used_s: float) -> None:
        """Is told what a batch took, and used of a processor. This one stays as it was measured."""

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
