import pytest
from starlette.testclient import TestClient
from waiting import eventually

from app.api.app import create_app
from app.api.http.limits import OTHER_BODY_BYTES, Limits
from app.tasks import TASKS
from app.telemetry import Telemetry

PREDICT = "/v1/models/tiny-sentiment/predict"


def client_of(engine, limits):
    return TestClient(create_app(engine, Telemetry(), limits))


EXPLAIN = "/v1/models/tiny-sentiment/explain"


@pytest.mark.parametrize("path", [PREDICT, "/v1/models/tiny-sentiment/versions/1/predict", EXPLAIN])
def test_a_body_may_be_as_large_as_its_task_needs_and_no_larger(engine, path):
    with client_of(engine, Limits(task_body_bytes={"text-classification": 2_000})) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        assert client.post(path, json={"inputs": ["good " * 10]}).status_code == 200
        reply = client.post(path, json={"inputs": ["good " * 400]})
        assert reply.status_code == 413
        assert reply.json()["error"] == "the body has more than the 2000 bytes that it may have here"
        assert reply.json()["error_type"] == "PayloadTooLarge"
        chunked = client.post(path, content=(b"x" * 100 for _ in range(1000)))
        assert chunked.status_code == 413


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        (PREDICT, 4_000_000),
        (EXPLAIN, 4_000_000),
        ("/hf/models/tiny-sentiment", 4_000_000),
        ("/hf/models/tiny-sentiment/pipeline/text-classification", 4_000_000),
        ("/v2/models/tiny-sentiment/infer", 32_000_000),
        ("/v2/repository/index", OTHER_BODY_BYTES),
    ],
)
def test_each_route_has_its_limit(engine, path, limit):
    with client_of(engine, Limits()) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        reply = client.post(path, content=bytes(limit + 1))
        assert reply.status_code == 413
        assert reply.json()["error"] == f"the body has more than the {limit} bytes that it may have here"
        assert "that it may have here" not in client.post(path, content=bytes(limit)).json()["error"]


def test_no_task_exceeds_the_limit_of_all():
    limits = Limits(max_body_bytes=500_000)
    assert {limits.body_bytes(task.contract) for task in TASKS.values()} == {500_000}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"summarization": 0}, "a limit of 0 bytes for summarization: must be from 1 to 1000"),
        ({"summarization": 1001}, "from 1 to 1000"),
    ],
)
def test_a_limit_that_would_have_no_effect_is_an_error(given, says):
    with pytest.raises(ValueError, match=says):
        Limits(max_body_bytes=1000, task_body_bytes=given)
