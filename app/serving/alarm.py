"""Timers that are set anew for every run or request, mostly without touching the event loop."""

import asyncio
from collections.abc import Callable

NEVER = float("inf")


class Alarm:
    """Calls `ring` once the event loop's clock has reached `when`.

    A timer of the loop costs some microseconds to set and to cancel, and an answer of a tenth of a millisecond would
    need several. This one stays in the loop when it is set to a later time, and looks again when it fires.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self.when = NEVER
        self._ring = ring
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = NEVER

    def set(self, when: float) -> None:
        """Ring at `when` instead of when it was set to before; NEVER takes it back."""
        self.when = when
        if when < self._fires_at or (self._loop is not asyncio.get_running_loop() and when < NEVER):
            self._fire_at(when)

    def no_later_than(self, when: float) -> None:
        """Ring at `when` unless it was set to earlier. Call it even if it was: the loop may be another."""
        self.set(min(when, self.when))

    def set_in(self, seconds: float) -> None:
        self.set(asyncio.get_running_loop().time() + seconds)

    def close(self) -> None:
        """Never ring again; let the loop forget this, and this forget whom it rang for."""
        self.when = NEVER
        self._ring = _nobody
        self._fire_at(NEVER)

    def _fire_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._fires_at = None, when
        if when < NEVER:
            self._loop = asyncio.get_running_loop()
            self._timer = self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        self._timer, self._fires_at = None, NEVER
        if self.when > asyncio.get_running_loop().time():
            self.set(self.when)
        else:
            self.when = NEVER
            self._ring()


def _nobody() -> None:
    pass
