"""The seconds of a core that the calling thread has used: its own, and those of processes that it has waited for."""

import threading
from time import thread_time

_of_thread = threading.local()


def used_s() -> float:
    return thread_time() + _elsewhere_s()


def add_used_s(seconds: float) -> None:
    """Count what a process has used for the calling thread."""
    _of_thread.elsewhere_s = _elsewhere_s() + seconds


def _elsewhere_s() -> float:
    seconds: float = getattr(_of_thread, "elsewhere_s", 0.0)
    return seconds
