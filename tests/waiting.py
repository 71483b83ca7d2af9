"""Waiting for what another thread or process does."""

from collections.abc import Callable
from time import monotonic, sleep

patience = 1.0  # times as long, where processes start before anything comes true


def eventually(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Wait until `condition` holds; fail if it does not in time."""
    end = monotonic() + seconds * patience
    while not condition():
        assert monotonic() < end, "it did not come true in time"
        sleep(0.01)
