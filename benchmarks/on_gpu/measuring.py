"""Techniques that are measured in turn, in one run, and compared with the raw loop: its time and its answers."""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from app.tensors import Array
from benchmarks.on_gpu.cells import Cell

Run = Callable[[], Array]
"""Compute one batch that lies in the host's memory, and return its answers there: so every clock waits for the card."""

TOLERANCES = {"fp32": 2e-3, "fp16": 3e-2, "bf16": 0.15}
"""The largest difference from the raw loop in fp32, as a share of its largest value."""


def largest_difference(answer: Array, reference: Array) -> float:
    """Of two answers; nan or infinite if one of them has such a number, or if their shapes differ."""
    if answer.shape != reference.shape:
        return math.inf
    return float(np.abs(answer.astype(np.float64) - reference.astype(np.float64)).max())


def judged(cell: Cell, answer: Array, reference: Array) -> dict[str, Any]:
    """The difference of an answer from that of the raw loop in fp32, and whether it is `wrong`."""
    difference, scale = largest_difference(answer, reference), float(np.abs(reference).max())
    allowed = TOLERANCES[cell.precision] * scale
    # JSON has neither nan nor infinity.
    found: dict[str, Any] = {"difference": difference if math.isfinite(difference) else str(difference)}
    found["share"] = difference / scale if math.isfinite(difference) and scale else None
    if not difference <= allowed:
        found["wrong"] = f"differs by {difference:.3g} from fp32, where {allowed:.3g} is allowed"
    return found


def in_turn(runs: Mapping[Cell, Run], anchor: Cell, rounds: int, least_s: float) -> dict[Cell, dict[str, Any]]:
    """Figures of each: in every round each runs for about `least_s`, one after the other, in another order each time.

    Ratios are those of a round: how many times as fast as `anchor`.
    """
    calls = {cell: _calls(run, least_s) for cell, run in runs.items()}
    times: dict[Cell, list[float]] = {cell: [] for cell in runs}
    cells = list(runs)
    for number in range(rounds):
        for cell in cells[number % len(cells) :] + cells[: number % len(cells)]:
            times[cell].append(_timed(runs[cell], calls[cell]))
    return {cell: figures(cell, times[cell], times[anchor], calls[cell]) for cell in runs}


def figures(cell: Cell, times: Sequence[float], anchors: Sequence[float], calls: int = 1) -> dict[str, Any]:
    """Medians of the rounds with their range, of seconds a batch."""
    ratios = [anchor / own for own, anchor in zip(times, anchors, strict=True)]
    median = statistics.median(times)
    return {
        "ms": 1e3 * median,
        "ms_range": [1e3 * min(times), 1e3 * max(times)],
        "rows_per_s": cell.batch / median,
        "of_raw": statistics.median(ratios),
        "of_raw_range": [min(ratios), max(ratios)],
        "rounds": len(times),
        "calls": calls,
    }


def _calls(run: Run, least_s: float) -> int:
    """Warm `run`, and return how often it must be called to take so long."""
    run()
    return max(1, math.ceil(least_s / _timed(run, 2)))


def _timed(run: Run, calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - began) / calls
