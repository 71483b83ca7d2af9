"""Limits on what a connection may ask of us, and the way in which we stop reading from it."""

from asyncio import Transport
from collections.abc import Callable
from dataclasses import dataclass

from uvicorn.protocols.http.flow_control import FlowControl

from app.api.http.connections import Connections


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits on what a connection may ask of us.

    `head_timeout_s`: for the line and headers of a request.
    `reading_timeout_s`: in which a client reads some of what it asked for (SlowReader).
    `linger_s`, `linger_bytes`: how long, and how much, we read on of a body that has its answer before it has arrived,
    or after what was no request. Closed at once, a connection may lose the answer on its way.
    """

    connections: Connections
    max_head_bytes: int = 65_536
    head_timeout_s: float = 10.0
    reading_timeout_s: float = 20.0
    linger_s: float = 10.0
    linger_bytes: int = 256_000_000


class HeldFlow(FlowControl):
    """Uvicorn's flow control, which does not read on while `is_held`."""

    is_held = False

    def hold(self) -> None:
        self.is_held = True
        self.pause_reading()

    def resume_reading(self) -> None:
        if not self.is_held:
            super().resume_reading()


class ToClient:
    """The transport as the answer to a request sees it: `close` is ours, since the client may still be sending."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, transport: Transport, close: Callable[[], None]) -> None:
        self.write, self.is_closing, self.close = transport.write, transport.is_closing, close
