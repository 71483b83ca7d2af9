"""The number of cores this process may use: those it may run on, and the time that its control groups give it there."""

import os

from app.cgroups import cpu_quota


def usable_cores() -> int:
    """Return the whole cores that may compute all the time, at least 1.

    A quota of 2.5 gives 2: with three threads at work it would be used up before each period of the kernel's (0.1 s)
    ends, and then everything stands still, the event loop included. What is left over is for that.
    """
    cores = len(os.sched_getaffinity(0))
    quota = cpu_quota()
    return cores if quota is None else max(1, min(cores, int(quota)))
