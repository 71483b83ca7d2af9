"""Wait until this machine has nothing else to do: what is measured beside others is measured wrong."""

import time
from collections.abc import Callable
from pathlib import Path

from app.serving.busyness import STAT, watch_others

IDLE_FOR_S = 5.0
MOST_BUSY = 0.05  # share of all processors that others may use meanwhile: a service that waits uses less


def wait_until_idle(
    is_making: Callable[[], bool] = lambda: False, *, for_s: float = IDLE_FOR_S, stat: Path = STAT
) -> None:
    """Return when nothing is being made and, for so long, other processes have hardly used the processors.

    Where that cannot be found out, nobody is waited for.
    """
    while True:
        others = watch_others(stat)
        time.sleep(for_s)
        if not is_making() and (others() or 0.0) <= MOST_BUSY:
            return
