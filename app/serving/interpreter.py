"""Shorter turns at the interpreter while threads of a pool work for long."""

from collections.abc import Callable
from time import perf_counter

from app.serving.alarm import Alarm
from app.turns import hurry

BUSY_S = 0.1  # without a pause: longer than a batch of photos or of tensors takes
LOOK_S = 0.01  # whether the threads still work


class Hurry:
    """Lets threads have shorter turns while those of one pool, or whoever needs that, have been busy for BUSY_S.

    `busy_since` tells since when, by `perf_counter`; None while they rest. Knows by looking, from the event loop.
    """

    def __init__(self, busy_since: Callable[[], float | None]) -> None:
        self._busy_since = busy_since
        self._alarm = Alarm(self._look)
        self._is_on = False

    def begins(self, now: float) -> None:
        """Something was given to the pool; `now` is the event loop's."""
        self._alarm.no_later_than(now + BUSY_S)

    def close(self) -> None:
        self._alarm.close()
        self._turn(False)

    def _look(self) -> None:
        since = self._busy_since()
        self._turn(since is not None and perf_counter() - since >= BUSY_S)
        if since is not None:
            self._alarm.set_in(LOOK_S)

    def _turn(self, is_on: bool) -> None:
        if is_on != self._is_on:
            self._is_on = is_on
            hurry(is_on)
