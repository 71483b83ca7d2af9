"""The model repository over V2, as its own client asks: what there is, its statistics, load and unload."""

from concurrent.futures import ThreadPoolExecutor
from shutil import copytree, rmtree

import httpx
import numpy as np
import pytest
from test_v2_clients import X, ask_anew, client, given, served
from tritonclient.utils import InferenceServerException
from waiting import eventually

__all__ = ["client", "served"]


def test_what_the_server_and_its_models_are(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    metadata = client.get_server_metadata()
    assert metadata["name"] == "tessera"
    assert {"binary_tensor_data", "classification", "statistics", "model_repository"} <= set(metadata["extensions"])
    assert client.get_model_metadata("tiny-sentiment") == {
        "name": "tiny-sentiment",
        "versions": ["1", "2"],
        "platform": "onnx_onnxv1",
        "inputs": [
            {"name": "input_ids", "datatype": "INT64", "shape": [-1, -1]},
            {"name": "attention_mask", "datatype": "INT64", "shape": [-1, -1]},
        ],
        "outputs": [{"name": "logits", "datatype": "FP32", "shape": [-1, 2]}],
    }
    assert client.get_model_metadata("cumulated")["inputs"][0]["shape"] == [-1]
    assert client.is_model_ready("tiny-sentiment", "1")
    assert not client.is_model_ready("tiny-sentiment", "3")
    assert not client.is_model_ready("nobody")


def test_statistics_count_requests_rows_and_batches_of_every_dialect(client, served):
    def counts() -> tuple[int, int, int, int]:
        (stats,) = client.get_inference_statistics("brightness", "1")["model_stats"]
        batches = sum(one["batch_size"] * one["compute_infer"]["count"] for one in stats["batch_stats"])
        assert batches == stats["inference_count"]
        assert sum(one["compute_infer"]["count"] for one in stats["batch_stats"]) == stats["execution_count"]
        success = stats["inference_stats"]["success"]
        return success["count"], stats["inference_count"], stats["inference_stats"]["fail"]["count"], success["ns"]

    before = counts()
    client.infer("brightness", [given("image", np.zeros((3, 8, 8, 3), np.uint8))])
    typed = httpx.post(f"{served.url}/v1/models/brightness/predict", json={"inputs": ["AAAA"]})
    assert typed.status_code == 422
    with pytest.raises(InferenceServerException):
        client.infer("brightness", [given("image", np.zeros((3, 8, 8, 4), np.uint8))])
    after = counts()
    assert [b - a for a, b in zip(before[:3], after[:3], strict=True)] == [1, 3, 2]
    assert after[3] > before[3]
    everyone = client.get_inference_statistics()["model_stats"]
    assert {(one["name"], one["version"]) for one in everyone} >= {("tiny-sentiment", "1"), ("tiny-sentiment", "2")}
    client.infer("two", [given("x", X)])
    (two,) = client.get_inference_statistics("two")["model_stats"]
    assert two["last_inference"] > 1_600_000_000_000
    with pytest.raises(InferenceServerException, match="no model"):
        client.get_inference_statistics("nobody")


def test_a_model_is_unloaded_when_its_requests_are_answered_and_loaded_again(client, served):
    x = given("x", np.ones((4, 1), np.float32))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask_anew, served, "slow", [x], timeout=60_000_000)
        eventually(lambda: served.metric('tessera_queue_rows{model="slow"') > 0)
        client.unload_model("slow")
        assert asked.done()
        assert asked.result().as_numpy("y").shape == (4,)
    with pytest.raises(InferenceServerException, match="slow is not ready: unloaded on request") as raised:
        client.infer("slow", [x])
    assert raised.value.status() == "503"
    assert not client.is_model_ready("slow")
    assert client.is_server_ready()
    states = {(one["name"], one["version"]): one["state"] for one in client.get_model_repository_index()}
    assert states["slow", "1"] == "UNAVAILABLE"
    assert states["two", "1"] == "READY"
    client.load_model("slow")
    assert client.is_model_ready("slow")
    for call in (client.load_model, client.unload_model):
        with pytest.raises(InferenceServerException, match="no model 'nobody'"):
            call("nobody")
    with pytest.raises(InferenceServerException, match="as it lies in the repository, without config"):
        client.load_model("slow", config="{}")


def test_a_version_that_fails_its_checks_is_an_error_of_load_and_the_one_before_goes_on(client, served):
    root = served.models_dir / "two"
    copytree(root / "1", root / "2")
    with pytest.raises(InferenceServerException, match=r"two version 2 is not served.*version 1 stays live") as raised:
        client.load_model("two")
    assert raised.value.status() == "409"
    np.testing.assert_array_equal(client.infer("two", [given("x", X)]).as_numpy("doubled"), 2 * X)
    states = {one["version"]: one for one in client.get_model_repository_index() if one["name"] == "two"}
    assert (states["2"]["state"], states["1"]["state"]) == ("UNAVAILABLE", "READY")
    assert "manifest.json is that of two version 1" in states["2"]["reason"]
    ready = httpx.post(f"{served.url}/v2/repository/index", json={"ready": True}).json()
    assert {one["state"] for one in ready} == {"READY"}
    rmtree(root / "2")
    client.load_model("two")
