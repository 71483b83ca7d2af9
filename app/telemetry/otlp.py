"""Traces on their way to a collector, by OTLP over HTTP. Only this file knows OpenTelemetry.

Spans are made with the identity and the times that they had, when their request is over: the SDK's own `start_span`
takes three times as long, on the event loop, and chooses ids and samples by itself.
"""

import logging
from collections.abc import Sequence
from importlib.metadata import version
from threading import Thread, current_thread
from time import perf_counter_ns, time_ns
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from app.niceness import give_way
from app.telemetry.sampling import Sampler
from app.telemetry.trace_context import TraceContext, new_span_id, new_trace_id
from app.telemetry.tracing import Span, Trace
from app.turns import shorter_turns

log = logging.getLogger(__name__)

UNNAMED, NAME = "unknown_service", "tessera"
FAILED, FINE = Status(StatusCode.ERROR), Status(StatusCode.UNSET)
SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class OtlpTracer:
    """Sends the traces that `sampler` chooses to `endpoint`, the whole URL, from a thread of its own.

    At most OTEL_BSP_MAX_QUEUE_SIZE spans wait, 2,048 by default; while the collector is away the oldest are dropped.
    """

    def __init__(self, endpoint: str, sampler: Sampler) -> None:
        # It would tell of each attempt, and of each span that finds no room.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._sampler = sampler
        self._resource = _resource()
        self._scope = InstrumentationScope(NAME, version(NAME))
        self._processor = BatchSpanProcessor(_Told(OTLPSpanExporter(endpoint), endpoint))

    def begin(self, parent: TraceContext | None) -> Trace | None:
        trace_id = new_trace_id() if parent is None else parent.trace_id
        if self._sampler.records(trace_id, parent):
            return Trace(TraceContext(trace_id, new_span_id(), True), parent.span_id if parent else "")
        return None if parent is None else Trace(parent, parent.span_id)

    def record(self, spans: Sequence[Span]) -> None:
        offset = time_ns() - perf_counter_ns()  # once for all of a trace, so that they fit together
        for span in spans:
            self._processor.on_end(self._readable(span, offset))

    def close(self, within_s: float) -> None:
        # The library would wait for up to 30 s, or for as long as it tries again.
        closing = Thread(target=self._processor.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(within_s)

    def _readable(self, span: Span, offset: int) -> ReadableSpan:
        trace_id = int(span.context.trace_id, 16)
        parent = span.parent_id and SpanContext(trace_id, int(span.parent_id, 16), span.is_server, SAMPLED)
        return ReadableSpan(
            span.name,
            SpanContext(trace_id, int(span.context.span_id, 16), False, SAMPLED),
            parent or None,
            self._resource,
            {**span.attributes, "error.type": span.error} if span.error else span.attributes,
            links=[Link(_known(one)) for one in span.links],
            kind=SpanKind.SERVER if span.is_server else SpanKind.INTERNAL,
            status=FAILED if span.error else FINE,
            start_time=offset + round(1e9 * span.started),
            end_time=offset + round(1e9 * span.ended),
            instrumentation_scope=self._scope,
        )


class _Hashed(Resource):
    """Encoding looks it up for each span, by a hash of all that it says as JSON, a quarter of the whole time."""

    def __hash__(self) -> int:
        return id(self)


class _Told(SpanExporter):
    """An exporter that says once that nothing arrives, and once that it does again.

    It encodes some five hundred spans at a time, which takes 15 ms of Python, and lets all others go first.
    """

    def __init__(self, exporter: OTLPSpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        where = urlsplit(endpoint)
        self._place = f"{where.scheme}://{where.hostname}:{where.port or (443 if where.scheme == 'https' else 80)}"
        self._arrives = True
        self._gives_way_on: Thread | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._gives_way_on is not (thread := current_thread()):  # a process that forks has another
            self._gives_way_on = thread
            give_way()
        with shorter_turns():
            result = self._exporter.export(spans)
        arrives = result is SpanExportResult.SUCCESS
        if self._arrives and not arrives:
            log.warning("traces do not arrive at %s, and are dropped until they do", self._place)
        elif arrives and not self._arrives:
            log.info("traces arrive again at %s", self._place)
        self._arrives = arrives
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]


def _known(context: TraceContext) -> SpanContext:
    return SpanContext(int(context.trace_id, 16), int(context.span_id, 16), False, SAMPLED)


def _resource() -> Resource:
    """Return what the spans are of: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, and what these leave out."""
    resource = Resource.create({SERVICE_VERSION: version(NAME)})
    if str(resource.attributes[SERVICE_NAME]).startswith(UNNAMED):
        resource = resource.merge(Resource({SERVICE_NAME: NAME}))
    return _Hashed(dict(resource.attributes), resource.schema_url)
