"""Traces arrive at a collector that listens; one that is away costs a line in the log and nothing else."""

import logging
import time

import pytest
from collector import listening, values_of
from waiting import eventually

from app.telemetry.otlp import OtlpTracer
from app.telemetry.sampling import Sampler
from app.telemetry.trace_context import TraceContext
from app.telemetry.tracing import Span, Trace

ALL = Sampler(1.0, follows_parent=True)
PARENT = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", True)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")


def whole(trace, seconds=0.25, **more):
    return Span("POST /x", trace.context, trace.parent_id, trace.started, trace.started + seconds, **more)


def test_a_span_arrives_with_its_times_its_parent_its_links_and_whose_it_is():
    with listening() as collector:
        tracer = OtlpTracer(f"{collector.url}/v1/traces", ALL)
        trace, now = tracer.begin(PARENT), time.time_ns()
        link = TraceContext("1" * 32, "2" * 16, True)
        tracer.record([whole(trace, attributes={"a": 1, "b": ["x", "y"]}, links=[link], is_server=True)])
        (span,) = collector.trace(PARENT.trace_id)
        tracer.close(5)
    assert span.name == "POST /x"
    assert span.kind == span.SPAN_KIND_SERVER
    assert span.parent_span_id.hex() == PARENT.span_id != span.span_id.hex()
    assert abs(span.start_time_unix_nano - now) < 5e9
    assert span.end_time_unix_nano - span.start_time_unix_nano == pytest.approx(2.5e8, abs=1e3)
    assert values_of(span.attributes) == {"a": 1, "b": ["x", "y"]}
    assert [(one.trace_id.hex(), one.span_id.hex()) for one in span.links] == [link[:2]]
    assert span.status.code == span.status.STATUS_CODE_UNSET
    assert collector.resources[0]["service.name"] == "tessera"
    assert collector.resources[0]["service.version"]


def test_the_environment_names_the_service(monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "judges")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    with listening() as collector:
        tracer = OtlpTracer(f"{collector.url}/v1/traces", ALL)
        tracer.record([whole(tracer.begin(PARENT))])
        tracer.close(5)
    (resource,) = collector.resources
    assert (resource["service.name"], resource["deployment.environment.name"]) == ("judges", "test")


def test_a_failure_is_told_by_its_kind_only():
    with listening() as collector:
        tracer = OtlpTracer(f"{collector.url}/v1/traces", ALL)
        tracer.record([whole(tracer.begin(PARENT), error="InferenceFailed")])
        tracer.close(5)
    (span,) = collector.spans
    assert values_of(span.attributes) == {"error.type": "InferenceFailed"}
    assert (span.status.code, span.status.message) == (span.status.STATUS_CODE_ERROR, "")


def test_what_is_not_chosen_has_no_trace_but_that_of_its_caller():
    with listening() as collector:
        tracer = OtlpTracer(f"{collector.url}/v1/traces", Sampler(0.0, follows_parent=False))
        assert tracer.begin(None) is None
        trace = tracer.begin(PARENT)
        tracer.close(5)
    assert isinstance(trace, Trace)
    assert trace.context == PARENT
    assert not trace.is_recorded
    assert tracer.begin(PARENT._replace(is_sampled=False)).is_recorded is False


def test_a_collector_that_is_away_is_told_once_and_once_when_it_is_back(caplog):
    caplog.set_level(logging.INFO)
    with listening() as collector:
        collector.is_open = False
        tracer = OtlpTracer(f"{collector.url}/v1/traces", ALL)

        def told():
            return [(one.levelname, one.message) for one in caplog.records]

        for round_ in range(3):
            tracer.record([whole(tracer.begin(None))])
            eventually(lambda before=round_: collector.refused > before)
        eventually(lambda: bool(told()))
        for _ in range(10_000):  # more than may wait
            tracer.record([whole(tracer.begin(PARENT))])
        assert told() == [("WARNING", f"traces do not arrive at {collector.url}, and are dropped until they do")]
        collector.is_open = True
        eventually(lambda: len(told()) == 2)
        assert told()[1] == ("INFO", f"traces arrive again at {collector.url}")
        tracer.close(5)
    assert 0 < len(collector.spans) < 10_000


def test_nobody_waits_for_a_collector_that_does_not_answer():
    tracer = OtlpTracer("http://127.0.0.1:9/v1/traces", ALL)
    tracer.record([whole(tracer.begin(None)) for _ in range(100)])
    started = time.monotonic()
    tracer.close(0.2)
    assert time.monotonic() - started < 5
