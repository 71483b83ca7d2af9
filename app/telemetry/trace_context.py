"""The trace that a request belongs to, as its caller names it (W3C Trace Context, section 3.2)."""

import re
from random import Random
from typing import NamedTuple

_FORM = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NONE = re.compile(rb"0+")
SAMPLED = 1  # the one flag that counts
# Ids must differ, not be secret; to ask the system for each costs more than parsing JSON.
_random = Random()


class TraceContext(NamedTuple):
    """One span of one trace, in hexadecimal digits. `is_sampled` says whether whoever began it records the trace."""

    trace_id: str
    span_id: str
    is_sampled: bool

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.is_sampled:02x}"

    def child(self) -> "TraceContext":
        """Return a new span of the same trace."""
        return self._replace(span_id=new_span_id())


def new_trace_id() -> str:
    """32 hexadecimal digits, not all of them zero."""
    return f"{_random.getrandbits(128) or 1:032x}"


def new_span_id() -> str:
    """16 hexadecimal digits, not all of them zero."""
    return f"{_random.getrandbits(64) or 1:016x}"


def context_of(traceparent: bytes) -> TraceContext | None:
    """Return what a header says; None if it is invalid, which is then as if there were none.

    Of a later version of the format it reads what this one has, as the specification asks.
    """
    found = _FORM.fullmatch(traceparent)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more is not None):
        return None
    if _NONE.fullmatch(trace_id) or _NONE.fullmatch(span_id):
        return None
    return TraceContext(trace_id.decode(), span_id.decode(), bool(int(flags, 16) & SAMPLED))
