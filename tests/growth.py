"""Time grows with size: a machine that is slow or busy changes seconds, but not how many times as long it takes."""

from collections.abc import Callable
from time import thread_time

import pytest

TIMES = 8  # so far apart that twice the time of a good answer is still far from a bad one


def require_growth(run: Callable[[int], object], size: int, power: int = 1) -> None:
    """Fail unless the time of `run(size)` grows with no more than this power of the size."""
    # Other work on the machine only makes a time longer: the shortest of each counts, and one good answer is enough.
    taken: dict[int, list[float]] = {size // TIMES: [], size: []}
    for _ in range(5):
        for each, times in taken.items():
            times.append(_seconds(run, each))
        short, long = map(min, taken.values())
        if long < 2 * TIMES**power * short + 0.01:
            return
    pytest.fail(f"{short:.3f} s, and {long:.3f} s for {TIMES} times the size")


def _seconds(run: Callable[[int], object], size: int) -> float:
    started = thread_time()
    run(size)
    return thread_time() - started
