"""A collector of traces that listens: what arrives at it is what another program would get."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent
from waiting import eventually

from app.telemetry.trace_context import new_span_id, new_trace_id


class Collector:
    """Keeps spans in the order in which they came. While `is_open` is false it answers 503."""

    def __init__(self) -> None:
        self.spans: list[Sent] = []
        self.resources: list[dict[str, Any]] = []
        self.received = b""
        self.is_open = True
        self.refused = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def take(self, content: bytes) -> None:
        self.received += content
        for one in ExportTraceServiceRequest.FromString(content).resource_spans:
            self.resources.append(values_of(one.resource.attributes))
            for scope in one.scope_spans:
                self.spans += scope.spans

    def trace(self, trace_id: str, least: int = 1) -> list[Sent]:
        """The spans of one trace, once there are as many."""
        eventually(lambda: len(self._of(trace_id)) >= least)
        return self._of(trace_id)

    def _of(self, trace_id: str) -> list[Sent]:
        return [span for span in self.spans if span.trace_id.hex() == trace_id]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class AskedOnce:
    """A request with a trace of its own, and the spans that arrive of it, by name."""

    def __init__(self, collector: Collector, client: Any) -> None:
        self._collector, self._client = collector, client
        self.trace_id, self.parent_id = new_trace_id(), new_span_id()
        self.spans: dict[str, Any] = {}

    def post(self, path: str, spans: int, flags: str = "01", **options: Any) -> Any:
        headers = {"traceparent": f"00-{self.trace_id}-{self.parent_id}-{flags}", **options.pop("headers", {})}
        reply = self._client.post(path, headers=headers, **options)
        self.spans = {one.name: one for one in self._collector.trace(self.trace_id, spans)}
        return reply

    def attributes(self, name: str) -> dict[str, Any]:
        return values_of(self.spans[name].attributes)

    def parent(self, name: str) -> str:
        by_id = {one.span_id: one.name for one in self.spans.values()}
        return by_id.get(self.spans[name].parent_span_id, self.spans[name].parent_span_id.hex())


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                content = gzip.decompress(content)
            status = 200 if self.path == "/v1/traces" and collector.is_open else 503
            if status == 200:
                collector.take(content)
            else:
                collector.refused += 1
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler


@contextmanager
def listening() -> Iterator[Collector]:
    collector = Collector()
    try:
        yield collector
    finally:
        collector.close()


def values_of(attributes: Any) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return [_value(one) for one in value.array_value.values] if kind == "array_value" else getattr(value, str(kind))
