"""Every metric of the service, in one place. Others say what happened; only this room knows Prometheus."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from platform import python_version
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    Summary,
    disable_created_metrics,
    exposition,
    openmetrics,
)
from prometheus_client.metrics_core import Metric

from app.telemetry.drift import DriftMetrics, WatchedDrift
from app.telemetry.elsewhere import Elsewhere
from app.telemetry.events import EventMetrics
from app.telemetry.generation import GenerationMetrics
from app.telemetry.reuse import ReuseMetrics
from app.telemetry.statistics import Statistics, Total
from app.telemetry.told_by import ToldBy
from app.telemetry.trace_context import TraceContext, context_of, new_span_id, new_trace_id
from app.telemetry.tracing import Attributes, Span, Tracer, Untraced
from app.telemetry.traffic import TrafficMetrics

# In seconds. Each bound is a line for each model, so there are no more than tell something.
ANSWER_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
WAIT_S = (0.001, 0.01, 0.1, 1, 10)
SLOW_S = 0.25  # a request of at least this is named by its id beside its bucket
MOST_EXEMPLAR = 128  # characters of all names and values of an exemplar together, by OpenMetrics
MOST_LINKS = 128  # of a batch to its requests; collectors keep no more
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "torch")

TEXT, OPEN_METRICS = exposition.CONTENT_TYPE_LATEST, openmetrics.exposition.CONTENT_TYPE_LATEST

# When each began to count: a line for each, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Telemetry:
    """The metrics of one application, and its tracer.

    `lines_dropped` says how many lines never reached the log.
    """

    def __init__(self, lines_dropped: Callable[[], int] = lambda: 0, tracer: Tracer | None = None) -> None:
        self.tracer: Tracer = tracer or Untraced()
        self.registry = registry = CollectorRegistry()
        self.elsewhere = Elsewhere(registry)
        one, why = ["model", "version"], ["model", "version", "reason"]
        ProcessCollector(registry=registry)
        Info("tessera_build", "What runs", registry=registry).info(_versions())
        registry.register(ToldBy("tessera_log_lines_dropped", "Lines that never reached the log", lines_dropped))
        self.in_flight = Gauge("tessera_requests_in_flight", "Requests not answered yet", registry=registry)
        self.requests = Counter(
            "tessera_requests", "HTTP requests answered", ["method", "route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "tessera_request_seconds",
            "From request to response; without a model where none that there is was asked",
            ["route", "model", "status"],
            buckets=ANSWER_S,
            registry=registry,
        )
        self.retried = Counter(
            "tessera_requests_retried",
            "Requests that their client has sent before, as it says itself",
            ["route"],
            registry=registry,
        )
        self.key_requests = Counter(
            "tessera_key_requests", "Requests let in by a key, by its name", ["key"], registry=registry
        )
        self.key_refused = Counter(
            "tessera_key_refused",
            "Requests of a key that it may not make, or not any more, by the error",
            ["key", "error_type"],
            registry=registry,
        )
        self.queue_seconds = Histogram(
            "tessera_queue_seconds", "Time a row waited for its batch", one, buckets=WAIT_S, registry=registry
        )
        self.batch_seconds = Summary("tessera_batch_seconds", "Time a batch was computed", one, registry=registry)
        self.batch_rows = Summary("tessera_batch_rows", "Rows of a batch", one, registry=registry)
        self.batch_useful = Summary(
            "tessera_batch_useful_share", "Share of a batch that is not padding", one, registry=registry
        )
        self.refused = Counter("tessera_rows_refused", "Rows not admitted, by reason", why, registry=registry)
        self.dropped = Counter(
            "tessera_rows_dropped", "Admitted rows never computed, by reason", why, registry=registry
        )
        self.failed = Counter("tessera_rows_failed", "Rows the model failed on", one, registry=registry)
        self.worker_deaths = Counter(
            "tessera_worker_deaths", "Worker threads that died or hung", one, registry=registry
        )
        self.waiting = Gauge("tessera_queue_rows", "Rows waiting", one, registry=registry)
        self.wait_seconds = Gauge(
            "tessera_queue_wait_seconds",
            "Time after which what comes now would be begun, behind all that waits",
            one,
            registry=registry,
        )
        self.ready = Gauge("tessera_model_ready", "1 if the version can predict", one, registry=registry)
        self.cascade_items = Counter(
            "tessera_cascade_items",
            "Items of cascades by the step that answered them",
            ["model", "version", "step"],
            registry=registry,
        )
        self.generation = GenerationMetrics(registry)
        self.events = EventMetrics(registry)
        self.reuse = ReuseMetrics(registry)
        self.jobs_running = Gauge("tessera_batches_running", "Batch jobs that this process works at", registry=registry)
        self.jobs_ended = Counter("tessera_batches", "Batch jobs that have ended", ["status"], registry=registry)
        self.job_lines = Counter(
            "tessera_batch_lines", "Lines of batch jobs that are done", ["outcome"], registry=registry
        )
        self.traffic = TrafficMetrics(registry, ANSWER_S)
        self.drift = DriftMetrics()
        registry.register(self.drift)
        self.watched: dict[tuple[str, str], ModelObserver] = {}
        """The models whose rows and readiness the gauges tell, by name and version."""
        self.load_failures = Counter("tessera_load_failures", "Versions that were not put live", one, registry=registry)
        # Looking up what has these labels costs as much as counting, so what every request and batch counts is kept.
        self._of_request = cache(
            lambda method, route, status, model: (
                self.requests.labels(method if method in METHODS else "other", route, status),
                self.request_seconds.labels(route, model, status),
            )
        )
        self._of_batch = cache(
            lambda model, version: [
                metric.labels(model, version)
                for metric in (self.batch_rows, self.batch_seconds, self.batch_useful, self.queue_seconds)
            ]
        )

    def request(
        self, method: str, route: str, status: int, seconds: float, model: str, request_id: str, trace_id: str = ""
    ) -> None:
        """A request was answered; `route` is its pattern, `model` one that there is, or empty.

        `trace_id` is that of a trace which is recorded, empty without one.
        """
        requests, request_seconds = self._of_request(method, route, status, model)
        requests.inc()
        exemplar = {"trace_id": trace_id} if trace_id else {}
        if seconds >= SLOW_S and len(request_id) + len("request_id") + 40 * len(exemplar) <= MOST_EXEMPLAR:
            exemplar["request_id"] = request_id
        request_seconds.observe(seconds, exemplar or None)

    def batch(
        self, model: str, version: str, rows: int, useful: float, seconds: float, queue_s: Sequence[float]
    ) -> None:
        """A batch was computed; a share `useful` of it was no padding."""
        batch_rows, batch_seconds, batch_useful, queue_seconds = self._of_batch(model, version)
        batch_rows.observe(rows)
        batch_seconds.observe(seconds)
        batch_useful.observe(useful)
        for one in queue_s:
            queue_seconds.observe(one)

    def observer(self, model: str, version: int) -> "ModelObserver":
        return ModelObserver(self, model, str(version))

    def tell_of(self, others: Callable[[], Mapping[str, Sequence[Metric]]]) -> None:
        """Tell, beside our own, what others count: the families of each replica, by its name."""
        self.elsewhere = Elsewhere(self.registry, others)

    def render(self, content_type: str = TEXT) -> bytes:
        """All metrics, in the text format of Prometheus or as OPEN_METRICS, which has the ids of slow requests, too."""
        generate: Callable[[Any], bytes] = (
            openmetrics.exposition.generate_latest if content_type == OPEN_METRICS else exposition.generate_latest
        )
        return generate(self.elsewhere)


def _versions() -> dict[str, str]:
    found = {"version": version_of("tessera"), "python": python_version()}
    for name in RUNTIMES:
        with suppress(PackageNotFoundError):
            found[name.replace("-", "_")] = version_of(name)
    return found


@dataclass(frozen=True, slots=True)
class ModelObserver:
    """The counts that one model version reports."""

    telemetry: Telemetry
    model: str
    version: str
    statistics: Statistics = field(default_factory=Statistics)

    def watch(
        self,
        queue_size: Callable[[], int],
        is_ready: Callable[[], bool],
        queue_wait_s: Callable[[], float] = lambda: 0.0,
        drift: WatchedDrift | None = None,
    ) -> None:
        self.telemetry.waiting.labels(self.model, self.version).set_function(queue_size)
        self.telemetry.wait_seconds.labels(self.model, self.version).set_function(queue_wait_s)
        self.telemetry.ready.labels(self.model, self.version).set_function(lambda: float(is_ready()))
        self.telemetry.watched[self.model, self.version] = self
        if drift:
            self.telemetry.drift.watched[self.model, self.version] = drift

    def unload(self) -> None:
        # The same version may have been loaded again while this one answered what it had admitted.
        if self.telemetry.watched.get((self.model, self.version)) is not self:
            return
        del self.telemetry.watched[self.model, self.version]
        self.telemetry.drift.watched.pop((self.model, self.version), None)
        for gauge in (self.telemetry.waiting, self.telemetry.wait_seconds, self.telemetry.ready):
            gauge.labels(self.model, self.version).set_function(float)  # or the gauge's child keeps the model in memory
            gauge.remove(self.model, self.version)

    def load_failed(self) -> None:
        self.telemetry.load_failures.labels(self.model, self.version).inc()

    def batch(self, rows: int, length: int, useful: float, seconds: float, queue_s: Sequence[float]) -> None:
        self.telemetry.batch(self.model, self.version, rows, useful, seconds, queue_s)
        self.statistics.rows += rows
        self.statistics.last_batch_at = time.time()
        self.statistics.batches.setdefault(rows, Total()).add(seconds)

    def traced(self, requests: Sequence[str], started: float, rows: int, length: int, error: str = "") -> str:
        """A batch is over that had rows of recorded requests, by their traceparents. Returns its own traceparent."""
        tracer = self.telemetry.tracer
        if isinstance(tracer, Untraced):  # whoever began these traces records them elsewhere
            return ""
        own, ended = TraceContext(new_trace_id(), new_span_id(), True), time.perf_counter()
        links = [one for one in map(context_of, map(str.encode, requests[:MOST_LINKS])) if one is not None]
        attributes: Attributes = {
            "tessera.model": self.model,
            "tessera.model.version": self.version,
            "tessera.batch.rows": rows,
            "tessera.batch.length": length,
        }
        tracer.record([Span(f"batch {self.model}", own, "", started, ended, attributes, links, error)])
        return own.traceparent

    def answered(
        self, seconds: float, preprocess_s: float, queue_s: float, inference_s: float, postprocess_s: float
    ) -> None:
        """A request was answered, in `seconds`, of which the stages took theirs."""
        statistics = self.statistics
        statistics.succeeded.add(seconds)
        statistics.preprocess.add(preprocess_s)
        statistics.queue.add(queue_s)
        statistics.inference.add(inference_s)
        statistics.postprocess.add(postprocess_s)

    def items_answered(self, number: int) -> None:
        """Items were answered without a batch of this version's own."""
        self.statistics.rows += number
        self.statistics.last_batch_at = time.time()

    def answered_by(self, step: str, items: int) -> None:
        """Items were answered by this step of a cascade."""
        self.telemetry.cascade_items.labels(self.model, self.version, step).inc(items)

    def reused(self, outcome: str, items: int) -> None:
        """Items were answered by what is kept, by what another request computed, or by computing them."""
        self.telemetry.reuse.items.labels(self.model, self.version, outcome).inc(items)

    def not_answered(self, seconds: float) -> None:
        """A request failed, or was refused."""
        self.statistics.failed.add(seconds)

    def refused(self, reason: str, rows: int) -> None:
        self.telemetry.refused.labels(self.model, self.version, reason).inc(rows)

    def dropped(self, reason: str, rows: int) -> None:
        self.telemetry.dropped.labels(self.model, self.version, reason).inc(rows)

    def failed(self, rows: int) -> None:
        self.telemetry.failed.labels(self.model, self.version).inc(rows)

    def worker_died(self) -> None:
        self.telemetry.worker_deaths.labels(self.model, self.version).inc()
