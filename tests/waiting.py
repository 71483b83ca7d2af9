"""Waiting for what another thread or process does."""

from collections.abc import Callable
from time import monotonic, sleep


def eventually(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Wait until `condition` holds; fail if it does not in time."""
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, "it did not come true in time"
        sleep(0.01)
