"""The share of this machine that others use while something is measured here."""

import os
import time
from collections.abc import Callable
from pathlib import Path

STAT = Path("/proc/stat")
IDLE = (3, 4)  # columns of proc(5): idle, and idle while a disk is waited for
COLUMNS = 8  # those after are counted in the first two as well

LEAST_S = 0.1  # of all processors together: ticks are of 10 ms


def watch_others(stat: Path = STAT) -> Callable[[], float | None]:
    """Begin to watch. What is returned tells the share of the processors, from 0 to 1, that other processes have used.

    It tells None where there is no such file, or too little time has passed.
    """
    before, own = _seconds(stat), time.process_time()

    def others() -> float | None:
        now = _seconds(stat)
        if before is None or now is None or now[0] - before[0] < LEAST_S:
            return None
        busy = now[1] - before[1] - (time.process_time() - own)
        return min(1.0, max(0.0, busy / (now[0] - before[0])))

    return others


def _seconds(stat: Path) -> tuple[float, float] | None:
    """Return what all processors have spent since the start of the machine: seconds in all, and not idle."""
    try:
        ticks = [int(one) for one in stat.read_text().split("\n", 1)[0].split()[1 : 1 + COLUMNS]]
        idle = sum(ticks[i] for i in IDLE)
    except (OSError, ValueError, IndexError):
        return None
    hertz = os.sysconf("SC_CLK_TCK")
    return sum(ticks) / hertz, (sum(ticks) - idle) / hertz
