"""Clients that do not read what they asked for."""

from asyncio import AbstractEventLoop, TimerHandle, Transport

LEAST_READ_BYTES = 1_000_000  # of a large answer, in the time for it


class SlowReader:
    """Breaks a connection off whose client reads less than LEAST_READ_BYTES in `within_s`, unless that is all."""

    __slots__ = ("_loop", "_timer", "_transport", "_unsent", "_within_s")

    def __init__(self, transport: Transport, loop: AbstractEventLoop, within_s: float) -> None:
        self._transport = transport
        self._loop = loop
        self._within_s = within_s
        self._unsent = 0
        self._timer: TimerHandle | None = None

    def expect_to_read(self) -> None:
        unsent = self._transport.get_write_buffer_size()
        if unsent and self._timer is None:
            self._unsent = unsent
            self._timer = self._loop.call_later(self._within_s, self._was_it_read)

    def forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _was_it_read(self) -> None:
        self._timer = None
        if self._transport.get_write_buffer_size() > max(0, self._unsent - LEAST_READ_BYTES):
            self._transport.abort()
        else:
            self.expect_to_read()
