"""The last seconds of the process, and its last words."""

import logging
import os
import sys
from typing import NoReturn

# Of the time for stopping a share is kept for goodbyes, within these seconds.
GOODBYE_SHARE, SHORTEST_GOODBYE_S, LONGEST_GOODBYE_S = 0.2, 0.5, 2.0


def goodbye_s(drain_timeout_s: float) -> float:
    """Return how much of the time for stopping is kept for refusing what is left, and for closing connections."""
    return min(LONGEST_GOODBYE_S, max(SHORTEST_GOODBYE_S, GOODBYE_SHARE * drain_timeout_s), drain_timeout_s)


def stderr_that_never_blocks() -> int:
    """Return a descriptor of stderr for last words, which must not wait for whoever reads them."""
    try:
        return os.open("/dev/stderr", os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    except OSError:  # a socket cannot be opened again
        return os.open(os.devnull, os.O_WRONLY)


def end_process(status: int) -> NoReturn:
    """End at once: threads that still compute would make Python abort on its way out."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)
