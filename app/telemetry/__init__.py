"""Metrics and traces: what happened, for whoever looks after the service."""

from app.telemetry.elsewhere import Elsewhere
from app.telemetry.events import EventMetrics
from app.telemetry.metrics import OPEN_METRICS, TEXT, ModelObserver, Telemetry
from app.telemetry.statistics import Statistics, Total, sum_of
from app.telemetry.trace_context import TraceContext, context_of
from app.telemetry.tracing import Span, Trace, Tracer, Untraced

__all__ = [
    "OPEN_METRICS",
    "TEXT",
    "Elsewhere",
    "EventMetrics",
    "ModelObserver",
    "Span",
    "Statistics",
    "Telemetry",
    "Total",
    "Trace",
    "TraceContext",
    "Tracer",
    "Untraced",
    "context_of",
    "sum_of",
]
