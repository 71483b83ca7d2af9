"""The service as a process that sends traces: to a collector that listens, and to one that does not."""

import json
import sys
import time

import httpx
import pytest
from collector import listening, values_of
from services import PREDICT, Service
from waiting import eventually

from app.main import open_tracer
from app.settings import TracingSettings
from app.telemetry import Untraced

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
HEADER = {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"}
ASK = {"inputs": ["a good film"]}


def started(models_dir, **settings):
    service = Service(models_dir, TESSERA_LOG_FORMAT="json", **settings)
    eventually(service.is_ready, 90)
    return service


def stopped(service):
    """Its exit status, and the lines of its log."""
    service.terminate()
    _, log = service.process.communicate(timeout=30)
    return service.process.returncode, [json.loads(line) for line in log.splitlines()]


def test_what_was_recorded_last_arrives_before_the_process_ends(models_dir):
    with listening() as collector:
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_SERVICE_NAME": "judges",
            "OTEL_TRACES_SAMPLER": "parentbased_always_off",  # what callers record, and nothing else
            "OTEL_BSP_SCHEDULE_DELAY": "3600000",
        }
        service = started(models_dir, **settings)
        try:
            for headers in (HEADER, {}):
                assert httpx.post(service.url + PREDICT, json=ASK, headers=headers).status_code == 200
            assert collector.spans == []
        finally:
            status, lines = stopped(service)
        assert status == 0
        traces = {span.trace_id.hex() for span in collector.spans if "batch" not in span.name}
        assert traces == {TRACE_ID}
        assert collector.resources[0]["service.name"] == "judges"
        server = next(span for span in collector.spans if span.name.startswith("POST"))
        assert values_of(server.attributes)["http.response.status_code"] == 200
    asked = [line["trace_id"] for line in lines if line["logger"] == "app.access" and line["method"] == "POST"]
    assert asked == [TRACE_ID, None]


def test_a_collector_that_is_away_delays_nobody_and_is_told_once(models_dir):
    few = {"OTEL_BSP_MAX_QUEUE_SIZE": "64", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "64"}
    service = started(models_dir, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", **few)
    try:
        with httpx.Client() as client:
            for _ in range(50):  # more spans than may wait
                assert client.post(service.url + PREDICT, json=ASK).status_code == 200
    finally:
        begun = time.monotonic()
        status, lines = stopped(service)
    assert status == 0
    assert time.monotonic() - begun < 20
    complaints = [line["message"] for line in lines if line["level"] != "INFO"]
    assert complaints in ([], ["traces do not arrive at http://127.0.0.1:9, and are dropped until they do"])


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "OTEL_EXPORTER_OTLP_ENDPOINT is no URL"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:secret@collector:70000", "OTEL_EXPORTER_OTLP_ENDPOINT is no URL"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://collector/v1/traces", "OTEL_EXPORTER_OTLP_ENDPOINT is no URL"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "traces are sent by http/protobuf only"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "traces are sent by http/protobuf only"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "OTEL_TRACES_EXPORTER is 'zipkin'"),
        ("OTEL_TRACES_SAMPLER", "now-and-then", "OTEL_TRACES_SAMPLER is 'now-and-then'"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.1", "the sampler parentbased_always_on takes none"),
        ("OTEL_SDK_DISABLED", "perhaps", "sdk_disabled"),
    ],
)
def test_what_cannot_be_done_is_an_error_that_repeats_no_secret(name, value, told, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=told) as refused:
        TracingSettings()
    assert "secret" not in str(refused.value)


def test_a_service_without_the_extra_says_which_one_is_missing(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delitem(sys.modules, "app.telemetry.otlp", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ValueError, match=r"is not installed: pip install 'tessera\[otel\]'"):
        open_tracer(TracingSettings())


@pytest.mark.parametrize("settings", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}, {}], ids=str)
def test_without_traces_nothing_else_that_is_set_for_them_counts(settings, monkeypatch):
    there = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"} if settings else {}
    for name, value in {**there, "OTEL_TRACES_SAMPLER": "now-and-then", **settings}.items():
        monkeypatch.setenv(name, value)
    assert isinstance(open_tracer(TracingSettings()), Untraced)
