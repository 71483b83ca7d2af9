"""An answered request is told to the metrics and to the log."""

import time
from collections.abc import Callable
from http import HTTPStatus
from random import Random

from starlette.types import Scope

from app.api.http.callers import address_of
from app.api.http.routes import Route
from app.audit import audit
from app.errors import ModelNotFound, ModelNotReady
from app.logs.lines import AccessRecord
from app.serving.engine import Engine, Served
from app.telemetry import Span, Telemetry, Trace, context_of

WriteLine = Callable[[AccessRecord], None]

METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
NO_ANSWER = "no_answer"  # the error of a request that its server, or its client, left before it had one
RETRY_COUNT = b"x-stainless-retry-count"  # clients of OpenAI send it with every request, and 0 with the first
REFUSED = (401, 403, 429)


class Report:
    """Counts answered requests, and writes a line about each; of those with a status below 400, about `share` of them.

    Only names from our own tables are told, since callers could invent others without end: the pattern of the route,
    or the method of gRPC that asked it, and a model that there is.
    """

    def __init__(
        self, engine: Engine, telemetry: Telemetry, write: WriteLine | None = None, share: float = 1.0
    ) -> None:
        self._engine = engine
        self._telemetry = telemetry
        self._write = write
        self._share = share
        self._random = Random()
        self._in_flight = 0
        telemetry.in_flight.set_function(lambda: self._in_flight)

    def begun(self, traceparent: bytes) -> Trace | None:
        """Return the trace of the request, if there is one. `traceparent` is the header, empty without."""
        self._in_flight += 1
        return self._telemetry.tracer.begin(context_of(traceparent) if traceparent else None)

    def answered(self, scope: Scope, status: int, seconds: float, received: int, sent: int, version: str) -> None:
        """`received` and `sent` are bytes of bodies; `version` is that of the model, empty if none answered."""
        self._in_flight -= 1
        state = scope["state"]
        method, route = scope["method"], getattr(scope.get("route"), "path", "none")
        if called := state.get("called"):  # over gRPC, where every method is asked by a POST to its name
            method, route = "POST", called
        model = self._model(scope, version)
        if (asked := state.get("asked")) is not None and asked.needs == "admin":
            self._audit(scope, asked, status, model, version)
        trace: Trace | None = state["trace"]
        recorded_id = trace.context.trace_id if trace is not None and trace.is_recorded else ""
        self._telemetry.request(method, route, status, seconds, model, state["request_id"], recorded_id)
        if trace is not None and recorded_id:
            self._record(trace, scope, status, model, version)
        if is_retry(scope):
            self._telemetry.retried.labels(route).inc()
        if self._write is not None and (status >= 400 or self._share == 1 or self._random.random() < self._share):
            key = state.get("key", "")
            self._write(
                AccessRecord(
                    time.time(),
                    state["request_id"],
                    method,
                    route,
                    model,
                    version,
                    status,
                    seconds,
                    received,
                    sent,
                    key,
                    trace.context.trace_id if trace is not None else "",
                )
            )

    def _audit(self, scope: Scope, asked: Route, status: int, model: str, version: str) -> None:
        """Keep a record of what an administrator did, or of who tried to; of each route that only one may ask."""
        state, names = scope["state"], scope.get("path_params", {})
        outcome = "done" if status < 400 else "refused" if status in REFUSED else "failed"
        audit(
            state.get("key") or address_of(scope),
            f"{asked.method} {asked.path}",
            outcome,
            model=model or names.get("model", ""),
            version=version or str(names.get("version", "")) or self._version(model, outcome),
            status=status,
            request_id=state["request_id"],
        )

    def _version(self, model: str, outcome: str) -> str:
        """The version that answers after a change; empty if none does."""
        if not model or outcome != "done":
            return ""
        try:
            return str(self._engine.find(model).manifest.version)
        except (ModelNotFound, ModelNotReady):
            return ""

    def _record(self, trace: Trace, scope: Scope, status: int, model: str, version: str) -> None:
        """Record the span of the whole request and those within it (OpenTelemetry's conventions for HTTP servers).

        The path is left out, as are headers: a caller could write into them what he likes.
        """
        method = scope["method"] if scope["method"] in METHODS else ""
        route = getattr(scope.get("route"), "path", "")
        attributes: dict[str, str | int] = {
            "http.request.method": method or "_OTHER",
            "url.scheme": scope.get("scheme", "http"),
            "network.protocol.version": scope["http_version"],
        }
        told = {
            "http.route": route,
            "http.response.status_code": status,
            "tessera.model": model,
            "tessera.model.version": version,
        }
        attributes.update({name: value for name, value in told.items() if value})
        error = trace.error
        if not status:
            error = error or NO_ANSWER
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            error = error or str(status)
        elif status >= HTTPStatus.BAD_REQUEST:
            error = ""  # for a server no failure
        name = f"{method or 'HTTP'} {route}".rstrip()
        whole = Span(
            name, trace.context, trace.parent_id, trace.started, time.perf_counter(), attributes, (), error, True
        )
        self._telemetry.tracer.record([whole, *trace.spans])

    def _model(self, scope: Scope, version: str) -> str:
        served: Served | None = scope.get("served")
        if served is not None:
            return served.manifest.name
        name: str = scope.get("path_params", {}).get("model", "")
        if not name or version:
            return name
        if self._engine.is_stopping:  # and says so whatever model is asked
            return ""
        try:
            self._engine.find(name)
        except ModelNotFound:
            return ""
        except ModelNotReady:  # it is there, all the same
            return name
        return name


def is_retry(scope: Scope) -> bool:
    """Whether a client says that it has sent this before: each failure is then counted as often as it was tried."""
    return any(name == RETRY_COUNT and value.strip(b"0") and value.isdigit() for name, value in scope["headers"])
