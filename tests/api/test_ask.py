import pytest
from conftest import ready
from graphs import publish_counting

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
    (statistics,) = client.get("/v2/models/counting/stats").json()["model_stats"]
    assert statistics["inference_stats"]["fail"]["count"] == 1
