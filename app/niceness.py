"""The order of threads where there are more of them than cores, by the scheduler of Linux.

The event loop and who serves callers that ask for little need a core for moments, and at once. What computes batches,
prepares items and loads models needs it for long, and gives way: among themselves such threads are equals.
"""

import os
import sys
import threading
from contextlib import suppress

NICER_BY = 10  # a tenth of the time that another thread gets, while both want a core (sched(7))
NICEST = 19


def give_way(thread: threading.Thread | None = None, by: int = NICER_BY) -> None:
    """Let a thread, or the calling one, give way to others; what threads it starts do so, too. There is no way back."""
    thread = thread or threading.current_thread()
    if sys.platform != "linux" or thread.native_id is None:  # elsewhere a thread has no priority of its own
        return
    with suppress(OSError):  # it has ended meanwhile
        usual = os.getpriority(os.PRIO_PROCESS, thread.native_id)
        os.setpriority(os.PRIO_PROCESS, thread.native_id, min(NICEST, usual + by))
