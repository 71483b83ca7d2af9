import pytest
from conftest import ready
from graphs import publish_counting
from waiting import eventually

from app.api.ask import cache_status
from app.main import build
from app.serving.answer_store import Reuse
from app.settings import Settings

SENTIMENT = "/v1/models/tiny-sentiment/predict"
STEPS = 3e7  # far more than in 0.1 s
TENSOR = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [STEPS]}
IN_TIME = {"X-Request-Timeout-Ms": "100"}


@pytest.fixture
def client(app, models_dir, tmp_path):
    publish_counting(models_dir, tmp_path)
    with ready(app) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/v1/models/counting/predict", {"inputs": [{"x": [STEPS]}]}, IN_TIME),
        ("/v2/models/counting/infer", {"inputs": [TENSOR]}, IN_TIME),
        ("/v2/models/counting/infer", {"inputs": [TENSOR], "parameters": {"timeout": 100_000}}, {}),
    ],
)
def test_whom_a_model_was_too_late_for_is_told_so_and_counted_as_failed(client, path, body, headers):
    reply = client.post(path, json=body, headers=headers)
    assert reply.status_code == 504
    assert reply.json()["error"] == "the deadline passed before the answer was ready"

    def failed() -> int:
        (statistics,) = client.get("/v2/models/counting/stats").json()["model_stats"]
        return int(statistics["inference_stats"]["fail"]["count"])

    eventually(lambda: failed() > 0)  # replicas tell it later
    assert failed() == 1


def test_an_answer_says_whether_it_was_kept(models_dir):
    application, _ = build(Settings(models_dir=models_dir, device="cpu", answer_cache_bytes=100_000))
    with ready(application) as client:

        def status(*texts: str) -> str:
            return client.post(SENTIMENT, json={"inputs": [*texts]}).headers["cache-status"]

        assert status("good") == "tessera; fwd=miss"
        assert status("good") == "tessera; hit"
        assert status("good", "bad", "bad") == 'tessera; fwd=miss; detail="1 kept, 1 shared, 1 computed"'
        counted = client.get("/metrics").text
    assert 'tessera_cache_items_total{model="tiny-sentiment",outcome="kept",version="1"} 2.0' in counted
    assert "tessera_cache_evicted_total 0.0" in counted


def test_without_a_cache_nothing_tells_of_one(client):
    assert "cache-status" not in client.post(SENTIMENT, json={"inputs": ["good"]}).headers
    assert "tessera_cache" not in client.get("/metrics").text


@pytest.mark.parametrize(
    ("reuse", "status"),
    [
        (Reuse(1, 0, 1), "tessera; hit"),
        (Reuse(0, 1, 1), "tessera; fwd=miss; collapsed"),
        (Reuse(0, 0, 1), "tessera; fwd=miss"),
        (Reuse(1, 1, 2), 'tessera; fwd=miss; collapsed; detail="1 kept, 1 shared, 0 computed"'),
    ],
)
def test_where_answers_came_from(reuse, status):
    assert cache_status(reuse) == status
