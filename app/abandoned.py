"""Work that nobody waits for any more ends itself, where it looks now and then. Knows nothing of what the work is."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Abandoned(Exception):
    """Nobody waits for this work any more."""


_of_thread = threading.local()


@contextmanager
def wanted_while(is_wanted: Callable[[], bool]) -> Iterator[None]:
    """While `is_wanted` says so, somebody waits for what the calling thread does inside."""
    _of_thread.is_wanted = is_wanted
    try:
        yield
    finally:
        _of_thread.is_wanted = None


def require_wanted() -> None:
    """Raise Abandoned if nobody waits for what the calling thread does. For loops that may take a second or more."""
    is_wanted = getattr(_of_thread, "is_wanted", None)
    if is_wanted is not None and not is_wanted():
        raise Abandoned("nobody waits for this any more")
