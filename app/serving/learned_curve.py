"""A curve that goes on learning from the batches that run, so that a plan made on a busy day does not stay."""

from math import log, log2

import numpy as np

from app.serving.curve import Cell, LatencyCurve
from app.tensors import Array

RECENT = 50.0  # batches of a cell that count, the last ones most
# Batches of a cell that count as much as what its neighbours say, and of these as much as what was measured: of a plan
# that there is no reason to doubt, and of another, whose word counts no more once some of a cell were SEEN.
SURE, UNSURE = 10.0, 2.0
MOST_CORRECTED = log(8.0)  # times slower or faster than measured
MOST_TOLD = log(2.0)  # times slower or faster than known, by a batch of a cell of which some were SEEN
SEEN = 3.0
NEARER = 0.25  # of what one cell says of another, for each doubling of rows or length between them
PAUSE = 16  # batches, after which what was learned is put to use


class LearnedCurve(LatencyCurve):
    """The measured times, corrected cell by cell: rows double, and lengths are those that were measured.

    The logarithm of how many times longer batches took is averaged for each cell. A cell of which few batches were seen
    is corrected as its neighbours are, and where they know little either it stays as it was measured, the more so the
    surer that is. Nothing takes less than what is smaller.
    """

    def __init__(
        self, measured: LatencyCurve, *, most_rows: int, is_sure: bool = False, by_processor: bool = False
    ) -> None:
        """Where a batch is computed `by_processor`, on one of its threads alone, the time that it used of that counts,
        which grows little with what else the machine does; otherwise what it took.
        """
        self._measured, self._by_processor = measured, by_processor
        self._is_sure, self._trust = is_sure, SURE if is_sure else UNSURE
        lengths = sorted({length for _, length in measured.points})
        sizes = sorted({rows for rows, _ in measured.points} | {2**i for i in range(most_rows.bit_length())})
        self._shape = len(lengths), len(sizes)
        self._cells: list[Cell] = [(rows, length) for length in lengths for rows in sizes]
        self._log_lengths, self._log_sizes = np.log2(lengths), np.log2(sizes)
        at = np.log2(np.array(self._cells, np.float64))
        steps = np.abs(at[:, None] - at[None]).sum(-1)
        self._near: Array = np.where(steps > 0, NEARER**steps, 0.0)
        self._planned: Array = np.array([measured.seconds(*cell) for cell in self._cells])
        self._told: Array = np.zeros(len(self._cells))  # logarithms of times slower
        self._seen: Array = np.zeros(len(self._cells))
        super().__init__(measured.points)

    def learn(self, rows: int, length: int, taken_s: float, used_s: float) -> None:
        seconds = min(used_s, taken_s) if self._by_processor else taken_s  # some clocks of processors count in ticks
        if seconds <= 0:
            return
        cell = self._nearest(rows, length)
        times = _within(MOST_CORRECTED, log(seconds / self._measured.seconds(rows, length)))
        seen, known = self._seen[cell], self._told[cell]
        more = times - known if seen < SEEN else _within(MOST_TOLD, times - known)
        self._seen[cell] = min(seen + 1, RECENT)
        self._told[cell] = known + more / self._seen[cell]
        self.learned += 1
        if self.learned % PAUSE == 0:
            self._set(self._corrected())

    def _nearest(self, rows: int, length: int) -> int:
        size = int(np.abs(self._log_sizes - log2(rows)).argmin())
        return size + self._shape[1] * int(np.abs(self._log_lengths - log2(max(1, length))).argmin())

    def _corrected(self) -> dict[Cell, float]:
        told = self._seen * self._told
        around = self._near @ told / (self._near @ self._seen + self._trust)
        trust = np.where(self._is_sure | (self._seen < SEEN), self._trust, 0.0)
        times = np.exp((told + trust * around) / (self._seen + trust))
        seconds = (self._planned * times).reshape(self._shape)
        if not self._is_sure:
            self._try_larger(seconds)
        return dict(zip(self._cells, _never_falling(seconds).ravel().tolist(), strict=True))

    def _try_larger(self, seconds: Array) -> None:
        """Believe of batches that were hardly seen that they take no more than two of half the rows, nor than larger.

        Whatever disturbed the plan only added time.
        """
        seen = self._seen.reshape(self._shape)
        rows = [rows for rows, _ in self._cells[: self._shape[1]]]
        for i in range(1, len(rows)):
            most = seconds[:, i - 1] * rows[i] / rows[i - 1]
            seconds[:, i] = np.where(seen[:, i] < SEEN, np.minimum(seconds[:, i], most), seconds[:, i])
        np.copyto(seconds, _least_of_larger(seconds), where=seen < SEEN)


def _never_falling(seconds: Array) -> Array:
    """The mean of the least and the most that it has to be changed for this."""
    most_of_smaller = np.maximum.accumulate(np.maximum.accumulate(seconds, 0), 1)
    return (most_of_smaller + _least_of_larger(seconds)) / 2


def _least_of_larger(seconds: Array) -> Array:
    backward = seconds[::-1, ::-1]
    return np.minimum.accumulate(np.minimum.accumulate(backward, 0), 1)[::-1, ::-1]


def _within(bound: float, value: float) -> float:
    return min(max(value, -bound), bound)
