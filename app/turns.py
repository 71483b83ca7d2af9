"""The time for which a thread keeps the interpreter while others wait for it.

Python asks a thread for it after 5 ms. A request needs the interpreter several times, so beside a thread that works in
Python for long it takes several times as long. Asked ten times as often, a thread that needs it for a moment only is
disturbed for nothing, which costs short requests up to a fifth; so threads are while one has been busy for a while.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

USUAL_S = 0.005  # Python's own
HURRIED_S = 0.0005  # a tenth of it, as said above

_lock = threading.Lock()
_hurrying = 0


def hurry(is_on: bool) -> None:
    """Let threads have shorter turns for somebody, or no longer for him."""
    global _hurrying
    with _lock:
        _hurrying += 1 if is_on else -1
        sys.setswitchinterval(HURRIED_S if _hurrying else USUAL_S)


@contextmanager
def shorter_turns() -> Iterator[None]:
    hurry(True)
    try:
        yield
    finally:
        hurry(False)
