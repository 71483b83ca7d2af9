"""The Open Inference Protocol spoken by hand: raw bodies, plain JSON, bombs and failures."""

import gzip
import zlib

import httpx
import numpy as np
import tritonclient.http as triton
from test_v2_clients import served

__all__ = ["served"]


def test_a_body_may_be_the_bytes_of_the_only_input(served):
    headers = {"Inference-Header-Content-Length": "0"}
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 2] = 9
    reply = httpx.post(f"{served.url}/v2/models/brightness/infer", content=image.tobytes(), headers=headers)
    assert reply.status_code == 200, reply.text
    result = triton.InferenceServerClient.parse_response_body(
        reply.content, header_length=int(reply.headers["Inference-Header-Content-Length"])
    )
    assert result.as_numpy("probabilities").argmax() == 2
    reply = httpx.post(f"{served.url}/v2/models/brightness/infer", content=b"\0" * 9, headers=headers)
    assert (reply.status_code, reply.json()["error"]) == (
        400, "inputs.image: 9 elements do not fill shape [-1, 8, 8, 3]"
    )  # fmt: skip
    reply = httpx.post(f"{served.url}/v2/models/copied/infer", content=b"\0" * 9, headers=headers)
    assert reply.status_code == 400
    assert "the model has 13 inputs" in reply.json()["error"]


def test_plain_json_needs_no_header_and_may_be_nested_or_flat(served):
    for data in ([[1, 2, 3], [4, 5, 6]], [1, 2, 3, 4, 5, 6]):
        body = {"id": "7", "inputs": [{"name": "x", "shape": [2, 3], "datatype": "FP32", "data": data}]}
        reply = httpx.post(f"{served.url}/v2/models/two/versions/1/infer", json=body)
        assert reply.status_code == 200
        assert "inference-header-content-length" not in reply.headers
        assert reply.headers["x-model-version"] == "1"
        assert "queue;dur=" in reply.headers["server-timing"]
        assert reply.json() == {
            "model_name": "two", "model_version": "1", "id": "7",
            "outputs": [
                {"name": "doubled", "datatype": "FP32", "shape": [2, 3], "data": [2, 4, 6, 8, 10, 12]},
                {"name": "sum", "datatype": "FP32", "shape": [2], "data": [6, 15]},
            ],
        }  # fmt: skip


def test_a_bomb_is_refused_before_it_fills_the_memory(served):
    for bomb in (gzip.compress(b"\0" * 100_000_000), zlib.compress(b"\0" * 100_000_000)):
        encoding = "gzip" if bomb.startswith(b"\x1f") else "deflate"
        reply = httpx.post(
            f"{served.url}/v2/models/two/infer", content=bomb, headers={"Content-Encoding": encoding}, timeout=10
        )
        assert reply.status_code == 413
        assert "more than 4000000 bytes when it is inflated" in reply.json()["error"]


def test_every_failure_is_json_with_an_error(served):
    for method, path, status in [
        ("GET", "/v2/nothing", 404),
        ("GET", "/v2/models/two/infer", 405),
        ("GET", "/v2/models/two/versions/x", 400),
        ("POST", "/v2/models/two/infer", 400),
        ("POST", "/v2/repository/models/two/unloads", 404),
        ("GET", "/v2/models/nobody/ready", 404),
        ("GET", "/v2/models/two/versions/9/ready", 404),
    ]:
        reply = httpx.request(method, served.url + path)
        assert (reply.status_code, path) == (status, path)
        assert reply.json()["error"]
    assert httpx.get(f"{served.url}/v2").json() == httpx.get(f"{served.url}/v2/").json()
