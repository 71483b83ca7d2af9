"""A request is told of once it is answered."""

import re

import pytest
from engines import far_engine
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as families_of_text
from starlette.testclient import TestClient
from waiting import eventually

from app.api.app import create_app
from app.api.http.limits import Limits
from app.keys import KeyRing, add_key
from app.telemetry import OPEN_METRICS as OPEN_METRICS_TYPE
from app.telemetry import Telemetry

PREDICT = "/v1/models/tiny-sentiment/predict"
CARD = "/v1/models/tiny-sentiment"
ROUTE = "/v1/models/{model}/predict"
SECRET_TEXT = "sesame-of-a-caller"


def running(models_dir, **options):
    telemetry = Telemetry()
    engine = far_engine(models_dir, telemetry)
    return TestClient(create_app(engine, telemetry, Limits(max_body_bytes=100_000), **options))


@pytest.fixture
def lines():
    return []


@pytest.fixture
def client(models_dir, lines):
    with running(models_dir, write_line=lines.append) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        lines.clear()
        yield client


def predict(client, text="a good film", **options):
    return client.post(PREDICT, json={"inputs": [text]}, **options)


def test_a_prediction_has_one_line_that_says_who_was_asked_what_it_took_and_how_large_it_was(client, lines):
    reply = predict(client, headers={"X-Request-Id": "find-me"})
    (line,) = lines
    assert line.request_id == "find-me"
    assert (line.method, line.route, line.status) == ("POST", ROUTE, 200)
    assert (line.model, line.version, line.key) == ("tiny-sentiment", "1", "")
    assert line.received == len(b'{"inputs":["a good film"]}')
    assert line.sent == len(reply.content)
    assert 0 < line.seconds < 10
    assert line.at > 1_700_000_000


@pytest.mark.parametrize(
    ("ask", "route", "status", "model"),
    [
        pytest.param(lambda c: predict(c, ""), ROUTE, 422, "tiny-sentiment", id="refused"),
        pytest.param(lambda c: c.get(PREDICT), ROUTE, 405, "tiny-sentiment", id="method"),
        pytest.param(lambda c: c.post("/v1/models/nothing/predict", json={}), ROUTE, 404, "", id="no such model"),
        pytest.param(lambda c: c.get(CARD), "/v1/models/{model}", 200, "tiny-sentiment", id="card"),
        pytest.param(lambda c: c.head(CARD), "/v1/models/{model}", 200, "tiny-sentiment", id="HEAD"),
        pytest.param(lambda c: c.get("/no/such/path"), "none", 404, "", id="no such path"),
        pytest.param(lambda c: c.get("/health/live"), "/health/live", 200, "", id="probe"),
    ],
)
def test_every_request_has_a_line(client, lines, ask, route, status, model):
    ask(client)
    assert [(line.route, line.status, line.model) for line in lines] == [(route, status, model)]


def test_a_key_is_told_by_its_name_and_no_line_holds_a_secret_or_a_text(models_dir, lines, tmp_path, caplog):
    secret = add_key(tmp_path / "keys.json", "laptop")
    with running(models_dir, write_line=lines.append, keys=KeyRing(tmp_path / "keys.json")) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        lines.clear()
        for headers in ({"X-API-Key": secret}, {"Authorization": f"Bearer {secret}"}, {"X-API-Key": secret + "x"}):
            predict(client, SECRET_TEXT, headers=headers)
            client.post(f"{PREDICT}?{SECRET_TEXT}", content=SECRET_TEXT, headers=headers)
            client.post(f"/v1/models/{SECRET_TEXT}/predict", json={SECRET_TEXT: 1}, headers=headers)
            client.get(f"/{SECRET_TEXT}", headers=headers)
    assert {line.key for line in lines} == {"laptop", ""}
    told = f"{lines} {caplog.text}"
    assert SECRET_TEXT not in told
    assert secret[16:] not in told


def test_of_requests_that_went_well_a_share_has_a_line_and_of_failures_each(models_dir, lines):
    with running(models_dir, write_line=lines.append, line_share=0.1) as client:
        for _ in range(300):
            client.get("/health/live")
        for _ in range(20):
            client.get("/no/such/path")
    statuses = [line.status for line in lines if line.route in ("/health/live", "none")]
    assert statuses.count(404) == 20
    assert 5 < statuses.count(200) < 80


def samples(client, name, **labels):
    families = families_of_text(client.get("/metrics").text)
    found = [sample for family in families for sample in family.samples if sample.name == name]
    return [one for one in found if labels.items() <= one.labels.items()]


def value(client, name, **labels):
    return sum(sample.value for sample in samples(client, name, **labels))


def test_the_latency_of_a_model_can_be_asked_by_status(client):
    for text in ("a good film", "a bad film", ""):
        predict(client, text)
    labels = {"route": ROUTE, "model": "tiny-sentiment"}
    assert value(client, "tessera_request_seconds_count", status="200", **labels) == 2
    assert value(client, "tessera_request_seconds_count", status="422", **labels) == 1
    assert value(client, "tessera_request_seconds_bucket", status="200", le="+Inf", **labels) == 2


def test_names_that_callers_invent_are_no_labels(client):
    before = len(client.get("/metrics").text.splitlines())
    for i in range(50):
        client.post(f"/v1/models/invented-{i}/predict", json={"inputs": ["x"]})
        client.get(f"/v1/models/invented-{i}")
        client.post(f"/v2/models/invented-{i}/infer", json={})
        client.get(f"/v1/models/tiny-sentiment/invented-{i}")
        client.request(f"METHOD{i}", "/health/live")
    after = client.get("/metrics").text
    assert "invented" not in after
    assert "METHOD" not in after
    assert len(after.splitlines()) - before < 150


def test_the_process_what_runs_and_what_is_in_flight_are_told(client):
    assert value(client, "process_resident_memory_bytes") > 1e6
    assert value(client, "process_cpu_seconds_total") > 0
    (build,) = samples(client, "tessera_build_info")
    assert build.labels["version"]
    assert build.labels["onnxruntime"]
    assert value(client, "tessera_requests_in_flight") == 1  # this one
    assert value(client, "tessera_log_lines_dropped_total") == 0


OPEN_METRICS = "application/openmetrics-text"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "text/plain"),
        ("*/*", "text/plain"),
        ("text/plain", "text/plain"),
        (f"{OPEN_METRICS}, text/plain", "text/plain"),
        (f"{OPEN_METRICS};q=0.1, text/plain;q=0.2", "text/plain"),
        (OPEN_METRICS, OPEN_METRICS),
        (f"{OPEN_METRICS};version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", OPEN_METRICS),
        (f"{OPEN_METRICS}; version=nonsense\x7f", OPEN_METRICS),
        (f"{OPEN_METRICS}; version=99.9; escaping=nothing", OPEN_METRICS),
        (f"{OPEN_METRICS};q=0, text/plain", "text/plain"),
    ],
)
def test_the_format_of_the_metrics_follows_accept(client, accept, content_type):
    predict(client)
    reply = client.get("/metrics", headers={"Accept": accept} if accept else {})
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith(content_type)
    assert "nonsense" not in reply.headers["content-type"]
    read = text_string_to_metric_families if content_type == OPEN_METRICS else families_of_text
    assert "tessera_request_seconds" in {family.name for family in read(reply.text)}


def test_a_slow_request_can_be_found_by_the_id_beside_its_bucket():
    telemetry = Telemetry()
    telemetry.request("POST", ROUTE, 200, 0.3, "tiny", "slow-one")
    telemetry.request("POST", ROUTE, 200, 0.001, "tiny", "quick-one")
    telemetry.request("POST", ROUTE, 200, 0.7, "tiny", "x" * 128)  # longer than OpenMetrics allows
    text = telemetry.render(OPEN_METRICS_TYPE).decode()
    assert re.search(r'le="0\.5".* # \{request_id="slow-one"\} 0\.3 ', text)
    assert "quick-one" not in text
    assert "xxxx" not in text
    assert list(text_string_to_metric_families(text))


@pytest.mark.parametrize(
    ("wanted", "encoding"), [("gzip", "gzip"), ("deflate", "deflate"), ("identity", None), ("br, gzip;q=0", None)]
)
def test_metrics_are_compressed_for_whoever_takes_that(client, wanted, encoding):
    reply = client.get("/metrics", headers={"Accept-Encoding": wanted})
    assert reply.headers.get("content-encoding") == encoding
    assert "tessera_build_info" in reply.text
    if encoding:
        assert int(reply.headers["content-length"]) < len(reply.content) / 3


def test_many_models_make_few_lines():
    telemetry = Telemetry()
    for i in range(100):
        observer = telemetry.observer(f"model-{i}", 1)
        observer.watch(lambda: 0, lambda: True)
        observer.batch(4, 8, 0.9, 0.004, [0.001] * 4)
        telemetry.request("POST", ROUTE, 200, 0.005, f"model-{i}", "id")
    assert telemetry.render().count(b"\n") < 100 * 32


def test_a_request_that_its_client_sent_before_is_counted_by_its_route(client):
    for count in ("0", "1", "2", "", "often"):
        predict(client, headers={"X-Stainless-Retry-Count": count})
    client.post("/somewhere", headers={"X-Stainless-Retry-Count": "1"})
    text = client.get("/metrics").text
    retried = dict(re.findall(r'tessera_requests_retried_total\{route="([^"]+)"\} ([0-9.]+)', text))
    assert retried == {ROUTE: "2.0", "none": "1.0"}
