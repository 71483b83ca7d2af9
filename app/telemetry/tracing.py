"""Traces of requests, and whoever records them. Knows nothing of OpenTelemetry, HTTP or models."""

from collections.abc import Mapping, Sequence
from time import perf_counter
from types import MappingProxyType
from typing import NamedTuple, Protocol

from app.telemetry.trace_context import TraceContext

Attributes = Mapping[str, str | int | float | Sequence[str]]
NO_ATTRIBUTES: Attributes = MappingProxyType({})


class Span(NamedTuple):
    """One piece of work that is over; times are of `perf_counter`. `error` is a kind of failure, empty without one.

    Attributes hold what we name and count ourselves: never what a caller sent, nor the words of an error.
    """

    name: str
    context: TraceContext
    parent_id: str
    started: float
    ended: float
    attributes: Attributes = NO_ATTRIBUTES
    links: Sequence[TraceContext] = ()
    error: str = ""
    is_server: bool = False


class Trace:
    """The trace of one request: `context` is the span of all of it, and `error` is why it failed after its start.

    If it is not recorded, `context` is what the caller sent, for the log.
    """

    __slots__ = ("context", "error", "parent_id", "spans", "started")

    def __init__(self, context: TraceContext, parent_id: str = "") -> None:
        self.context, self.parent_id = context, parent_id
        self.started = perf_counter()
        self.error = ""
        self.spans: list[Span] = []

    @property
    def is_recorded(self) -> bool:
        return self.context.is_sampled and self.context.span_id != self.parent_id


class Tracer(Protocol):
    """Decides which requests have traces, and sends these somewhere."""

    def begin(self, parent: TraceContext | None) -> Trace | None:
        """Begin the trace of a request; None if nothing of it is to be known."""
        ...

    def record(self, spans: Sequence[Span]) -> None:
        """Take spans that are over, without waiting."""
        ...

    def close(self, within_s: float) -> None:
        """Send what was recorded, as far as that goes in this time."""
        ...


class Untraced:
    """Records nothing. A caller's trace has its id in the log all the same."""

    def begin(self, parent: TraceContext | None) -> Trace | None:
        return None if parent is None else Trace(parent, parent.span_id)

    def record(self, spans: Sequence[Span]) -> None:
        pass

    def close(self, within_s: float) -> None:
        pass
