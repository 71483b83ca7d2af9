"""Limits on what a connection may ask of us, and the way in which we stop reading from it."""

from dataclasses import dataclass

from uvicorn.protocols.http.flow_control import FlowControl

from app.api.http.connections import Connections

LEAST_READ_BYTES = 1_000_000  # of a large answer, in `reading_timeout_s`


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits on what a connection may ask of us.

    `head_timeout_s`: for the line and headers of a request, and for what is left of a body when its answer was sent.
    `reading_timeout_s`: in which a client reads LEAST_READ_BYTES of what it asked for, or all that is left.
    `linger_s`: how long we read on after a refusal. Closed at once, a connection may lose it on its way.
    """

    connections: Connections
    max_head_bytes: int = 65_536
    head_timeout_s: float = 10.0
    reading_timeout_s: float = 20.0
    linger_s: float = 2.0


class HeldFlow(FlowControl):
    """Uvicorn's flow control, which does not read on while `is_held`."""

    is_held = False

    def hold(self) -> None:
        self.is_held = True
        self.pause_reading()

    def resume_reading(self) -> None:
        if not self.is_held:
            super().resume_reading()
