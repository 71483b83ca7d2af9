"""How long a thread keeps the interpreter while others wait for it.

Python asks a thread for it after 5 ms. A request needs the interpreter several times, so beside a thread that reads a
long text in Python it would take several times as long. Asked ten times as often, threads cost a tenth more where each
needs it for a moment only; so they are while some thread works on an item, and not otherwise.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

USUAL_S = 0.005
WHILE_SHARED_S = 0.0005

_lock = threading.Lock()
_sharing = 0


@contextmanager
def shared() -> Iterator[None]:
    """What the calling thread does inside may keep the interpreter for long: others get it sooner."""
    _change(1)
    try:
        yield
    finally:
        _change(-1)


def _change(by: int) -> None:
    global _sharing
    with _lock:
        was_shared, _sharing = _sharing > 0, _sharing + by
        if was_shared != (_sharing > 0):
            sys.setswitchinterval(WHILE_SHARED_S if _sharing else USUAL_S)
