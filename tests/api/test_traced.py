"""The trace of a request tells of its stages and its batch, and nothing of what was sent."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, suppress
from types import SimpleNamespace

import opentelemetry.trace
import pytest
from collector import AskedOnce, Collector, listening, values_of
from conftest import publish_sentiment, ready
from engines import pickling_engine
from graphs import publish_table
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from services import MODELS
from shown import PIPELINE, publish_pipeline
from tiny_writer import WRITER, publish_writer

from app.api.app import create_app
from app.api.http.limits import Limits
from app.api.traced import traced as traced_engine
from app.errors import InferenceFailed
from app.serving.engine import Ask, Prediction, Timing
from app.telemetry import OPEN_METRICS, Telemetry, Trace, TraceContext
from app.telemetry.otlp import OtlpTracer
from app.telemetry.sampling import Sampler
from app.telemetry.trace_context import new_span_id, new_trace_id

PREDICT, ROUTE = "/v1/models/tiny-sentiment/predict", "/v1/models/{model}/predict"
SECRET = "sesame-of-a-caller"
STAGES = ["preprocess", "queue", "inference", "postprocess"]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with listening() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[SimpleNamespace]:
    """The application with a tracer, a far engine, and what it writes into its log."""
    root, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_sentiment(root, scratch)
    publish_writer(root, scratch / "writer")
    publish_pipeline(root, scratch)
    publish_table(root, scratch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        tracer = OtlpTracer(f"{collector.url}/v1/traces", Sampler(1.0, follows_parent=True))
    telemetry, lines = Telemetry(tracer=tracer), []
    engine = pickling_engine(root, telemetry)
    with ready(create_app(engine, telemetry, Limits(), write_line=lines.append)) as client:
        yield SimpleNamespace(client=client, telemetry=telemetry, lines=lines)
    tracer.close(5)


@pytest.fixture
def asked(collector: Collector, traced: SimpleNamespace) -> AskedOnce:
    return AskedOnce(collector, traced.client)


def test_a_prediction_is_a_span_with_one_for_each_stage_in_the_trace_of_its_caller(asked, traced):
    reply = asked.post(PREDICT, 6, json={"inputs": ["a good film"]})
    assert reply.status_code == 200
    server, predict = f"POST {ROUTE}", "predict tiny-sentiment"
    assert list(asked.spans) == [server, predict, *STAGES]
    assert asked.parent(server) == asked.parent_id
    assert asked.parent(predict) == server
    assert {asked.parent(stage) for stage in STAGES} == {predict}
    assert asked.attributes(server) == {
        "http.request.method": "POST",
        "http.route": ROUTE,
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
        "url.scheme": "http",
        "tessera.model": "tiny-sentiment",
        "tessera.model.version": "1",
    }
    assert asked.attributes(predict) == {
        "tessera.model": "tiny-sentiment",
        "tessera.model.version": "1",
        "tessera.view": "text-classification",
        "tessera.items": 1,
    }
    assert asked.attributes("inference") == {"tessera.batch.rows": 1, "tessera.batch.length": 3}
    whole, inner = asked.spans[server], [asked.spans[name] for name in (predict, *STAGES)]
    assert all(whole.start_time_unix_nano <= one.start_time_unix_nano for one in inner)
    assert all(one.end_time_unix_nano <= whole.end_time_unix_nano for one in inner)
    assert traced.lines[-1].trace_id == asked.trace_id


def test_the_stages_take_what_server_timing_tells(asked):
    reply = asked.post(PREDICT, 6, json={"inputs": ["a good film"]})
    told = dict(one.split(";dur=") for one in reply.headers["server-timing"].split(", ") if ";dur=" in one)
    for stage in STAGES:
        took_ms = (asked.spans[stage].end_time_unix_nano - asked.spans[stage].start_time_unix_nano) / 1e6
        assert took_ms == pytest.approx(float(told[stage]), abs=0.006)


def test_a_batch_is_a_trace_of_its_own_that_leads_to_its_requests_and_they_to_it(asked, collector):
    asked.post(PREDICT, 6, json={"inputs": ["a good film", "bad"]})
    links = asked.spans["inference"].links
    assert links
    for link in links:
        (batch,) = collector.trace(link.trace_id.hex())
        assert (batch.name, batch.parent_span_id) == ("batch tiny-sentiment", b"")
        assert batch.span_id == link.span_id
        assert values_of(batch.attributes)["tessera.model.version"] == "1"
        (back,) = batch.links
        assert (back.trace_id.hex(), back.span_id) == (asked.trace_id, asked.spans["predict tiny-sentiment"].span_id)


def test_a_request_without_a_trace_begins_one(traced, collector):
    traced.client.post(PREDICT, json={"inputs": ["a good film"]})
    trace_id = traced.lines[-1].trace_id
    assert [one.parent_span_id for one in collector.trace(trace_id) if one.name.startswith("POST")] == [b""]


@pytest.mark.parametrize(
    "headers", [[("traceparent", "00-what-01")], [("traceparent", f"00-{'1' * 32}-{'2' * 16}-01")] * 2]
)
def test_a_trace_that_is_named_wrongly_or_twice_is_ignored(traced, headers):
    traced.client.post(PREDICT, json={"inputs": ["good"]}, headers=headers)
    assert traced.lines[-1].trace_id not in ("", "1" * 32)


def test_a_trace_that_its_caller_does_not_record_is_not_recorded_here_and_stands_in_the_log(traced, collector):
    trace_id = new_trace_id()
    for flags in ("00", "01"):
        header = {"traceparent": f"00-{trace_id}-{new_span_id()}-{flags}"}
        assert traced.client.post(PREDICT, json={"inputs": ["good"]}, headers=header).status_code == 200
        assert traced.lines[-1].trace_id == trace_id
    assert len([one for one in collector.trace(trace_id, 6) if one.name.startswith("POST")]) == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (PREDICT, {"inputs": ["good"], "parameters": {"top_k": 0}}, 422),
        ("/v1/models/nobody-knows/predict", {"inputs": [SECRET]}, 404),
        ("/hf/models/tiny-sentiment", {"inputs": "good", "parameters": {"top_k": SECRET}}, 422),
    ],
)
def test_a_request_that_is_at_fault_is_no_failure_of_the_server(asked, path, body, status):
    assert asked.post(path, 1, json=body).status_code == status
    (server,) = asked.spans.values()
    assert server.status.code == server.status.STATUS_CODE_UNSET
    assert "error.type" not in values_of(server.attributes)
    assert values_of(server.attributes)["http.response.status_code"] == status


def test_a_failure_of_ours_has_its_status_for_its_kind(asked):
    body = {"inputs": ["a"], "parameters": {"max_new_tokens": 200, "ignore_eos": True}}
    reply = asked.post(f"/v1/models/{WRITER}/predict", 1, json=body, headers={"X-Request-Timeout-Ms": "5"})
    assert reply.status_code == 504, reply.text
    server = asked.spans[f"POST {ROUTE}"]
    assert asked.attributes(f"POST {ROUTE}")["error.type"] == "504"
    assert (server.status.code, server.status.message) == (server.status.STATUS_CODE_ERROR, "")


def test_a_batch_that_fails_has_its_kind_and_so_does_what_asked_for_it(asked, collector):
    beyond = {"name": "place", "datatype": "INT64", "shape": [1, 1], "data": [7]}
    there = len(collector.spans)
    reply = asked.post("/v2/models/table/infer", 2, json={"inputs": [beyond]})
    assert reply.status_code == 400, reply.text
    predict = asked.spans["predict table"]
    batch = next(one for one in collector.spans[there:] if one.links and one.links[0].span_id == predict.span_id)
    for span, kind in ((predict, "InvalidInput"), (batch, "GraphRefused")):
        assert values_of(span.attributes)["error.type"] == kind
        assert (span.status.code, span.status.message) == (span.status.STATUS_CODE_ERROR, "")


def test_a_chat_follows_the_conventions_for_generative_ai(asked):
    body = {"model": WRITER, "messages": [{"role": "user", "content": SECRET}], "max_tokens": 4}
    usage = asked.post("/v1/chat/completions", 5, json=body).json()["usage"]
    chat = asked.attributes(f"chat {WRITER}")
    assert chat.pop("tessera.first_piece_s") >= 0
    assert {name: value for name, value in chat.items() if name.startswith("gen_ai.")} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "tessera",
        "gen_ai.request.model": WRITER,
        "gen_ai.response.model": f"{WRITER}@1",
        "gen_ai.usage.input_tokens": usage["prompt_tokens"],
        "gen_ai.usage.output_tokens": usage["completion_tokens"],
        "gen_ai.response.finish_reasons": ["length"],
    }
    assert asked.parent(f"chat {WRITER}") == "POST /v1/chat/completions"
    assert {"preprocess", "inference"} <= asked.spans.keys()


def test_the_span_of_a_stream_ends_with_the_stream(asked):
    body = {"model": WRITER, "prompt": SECRET, "max_tokens": 12, "stream": True}
    events = asked.post("/v1/completions", 5, json=body).text
    assert events.rstrip().endswith("data: [DONE]")
    server, text = asked.spans["POST /v1/completions"], asked.spans[f"text_completion {WRITER}"]
    assert text.end_time_unix_nano <= server.end_time_unix_nano
    told = values_of(text.attributes)
    assert told["gen_ai.usage.output_tokens"] == 12
    assert told["gen_ai.response.finish_reasons"] == ["length"]
    assert told["tessera.first_piece_s"] < (text.end_time_unix_nano - text.start_time_unix_nano) / 1e9


class Endless:
    """An engine that writes until it is left, or fails after its first piece."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.asked = error, ""

    async def stream(self, ask: Ask) -> AsyncIterator[Prediction]:
        self.asked = ask.traceparent
        while True:
            yield Prediction("m", 1, ["word"], Timing(0.1, 0, 0.2, 0, 1, 1))
            if self.error is not None:
                raise self.error


def test_a_stream_that_is_left_is_no_failure_of_its_request_and_one_that_fails_is():
    async def read(error: Exception | None) -> tuple[Trace, str]:
        trace = Trace(TraceContext("1" * 32, "2" * 16, True))
        engine = Endless(error)
        stream = traced_engine(engine, trace).stream(Ask("m", None, "v", [], None, 1.0))
        with suppress(InferenceFailed):
            async with aclosing(stream):
                await anext(stream)
                if error is not None:
                    await anext(stream)
        return trace, engine.asked

    left, asked = asyncio.run(read(None))
    assert (left.spans[0].error, left.error) == ("abandoned", "")
    assert asked == left.spans[0].context.traceparent
    failed, _ = asyncio.run(read(InferenceFailed("the words of a caller")))
    assert (failed.spans[0].error, failed.error) == ("InferenceFailed", "InferenceFailed")
    assert [one.name for one in failed.spans] == ["predict m", "preprocess", "inference"]
    assert "words" not in str(failed.spans)


def test_a_pipeline_has_a_span_for_each_step(asked):
    photo = (MODELS.parent / "app" / "tasks" / "cat.jpg").read_bytes()
    reply = asked.post(f"/v1/models/{PIPELINE}/predict", 10, content=photo, headers={"Content-Type": "image/jpeg"})
    assert reply.status_code == 200, reply.text
    assert asked.parent("step sees") == asked.parent("step says") == f"predict {PIPELINE}"
    sees, says = asked.spans["step sees"], asked.spans["step says"]
    assert sees.end_time_unix_nano <= says.start_time_unix_nano


def test_nothing_that_a_caller_sends_is_in_a_span(asked, traced, collector):
    body = {"inputs": [SECRET], "parameters": {"top_k": SECRET}}
    headers = {
        "X-Request-Id": SECRET,
        "User-Agent": SECRET,
        "Authorization": f"Bearer {SECRET}",
        "tracestate": f"a={SECRET}",
    }
    asked.post(f"{PREDICT}?q={SECRET}", 1, json=body, headers=headers)
    again = AskedOnce(collector, traced.client)
    again.post(PREDICT, 6, json={"inputs": [SECRET]}, headers=headers)
    assert SECRET.encode() not in collector.received
    assert b"good film" not in collector.received


def test_a_recorded_trace_is_named_beside_its_bucket(asked, traced):
    asked.post(PREDICT, 6, json={"inputs": ["a good film"]}, headers={"X-Request-Id": "x" * 128})
    text = traced.telemetry.render(OPEN_METRICS).decode()
    (line,) = [line for line in text.splitlines() if asked.trace_id in line]
    assert line.startswith("tessera_request_seconds_bucket{")
    assert f'# {{trace_id="{asked.trace_id}"' in line


def test_what_fastapi_would_trace_by_itself_is_off(traced, monkeypatch):
    """A provider for the whole process, as auto-instrumentation sets it, would have the words of errors."""
    provider, kept = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(opentelemetry.trace, "_TRACER_PROVIDER", provider)
    assert traced.client.get("/v1/models").status_code == 200
    assert traced.client.get("/v1/models/tiny-sentiment/items?limit=x").status_code == 422
    assert kept.get_finished_spans() == ()
