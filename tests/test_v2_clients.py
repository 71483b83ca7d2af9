"""The Open Inference Protocol as its own clients speak it, against the service as a process."""

import asyncio
import gzip
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from shutil import copytree, rmtree
from time import sleep
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from conftest import publish_sentiment
from graphs import copied, cumulated, doubled_and_summed, publish_brightness
from services import Service, publish_slow, running
from tritonclient.utils import InferenceServerException, np_to_triton_dtype
from waiting import eventually

from app.adding.command import add_model

NUMBERS = {
    "BOOL": np.array([[True, False]]),
    "UINT8": np.array([[0, 255]], np.uint8),
    "UINT16": np.array([[0, 65535]], np.uint16),
    "UINT32": np.array([[0, 2**32 - 1]], np.uint32),
    "UINT64": np.array([[0, 2**64 - 1]], np.uint64),
    "INT8": np.array([[-128, 127]], np.int8),
    "INT16": np.array([[-32768, 32767]], np.int16),
    "INT32": np.array([[-(2**31), 2**31 - 1]], np.int32),
    "INT64": np.array([[-(2**63), 2**63 - 1]], np.int64),
    "FP16": np.array([[-0.5, 65504]], np.float16),
    "FP32": np.array([[1e-40, np.inf]], np.float32),
    "FP64": np.array([[1e-300, np.nan]], np.float64),
    "BYTES": np.array([["", "mañana 明日"]], np.object_),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    scratch = tmp_path_factory.mktemp("scratch")
    root = tmp_path_factory.mktemp("models")
    publish_sentiment(root, scratch)
    publish_sentiment(root, scratch)
    publish_brightness(root, scratch)
    publish_slow(root, scratch)
    add_model(doubled_and_summed(scratch / "two.onnx"), "two", root)
    add_model(copied(scratch / "copied.onnx", *NUMBERS), "copied", root)
    add_model(copied(scratch / "texts.onnx", "BYTES"), "texts", root)
    add_model(cumulated(scratch / "cumulated.onnx"), "cumulated", root)
    with running(root, TESSERA_THREADS="1", TESSERA_MAX_BODY_BYTES="4000000") as service:
        yield service


@pytest.fixture
def client(served: Service) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(served.url.removeprefix("http://"), concurrency=4) as client:
        yield client


def given(name: str, array: np.ndarray, binary: bool = True) -> triton.InferInput:
    tensor = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    return tensor.set_data_from_numpy(array, binary_data=binary)


def wanted(name: str, **form) -> triton.InferRequestedOutput:
    return triton.InferRequestedOutput(name, **form)


def ask_anew(served: Service, *arguments: Any, **more: Any) -> triton.InferResult:
    """For other threads: the client belongs to the thread in which it was made."""
    with triton.InferenceServerClient(served.url.removeprefix("http://"), network_timeout=60) as client:
        return client.infer(*arguments, **more)


X = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_the_default_path_of_the_client_is_binary_both_ways(client):
    result = client.infer("two", [given("x", X)], request_id="mine")
    response = result.get_response()
    assert (response["model_name"], response["model_version"], response["id"]) == ("two", "1", "mine")
    assert [output["parameters"] for output in response["outputs"]] == [
        {"binary_data_size": 24},
        {"binary_data_size": 8},
    ]
    np.testing.assert_array_equal(result.as_numpy("doubled"), 2 * X)
    np.testing.assert_array_equal(result.as_numpy("sum"), X.sum(axis=1))


def test_the_configuration_says_what_tritons_image_client_reads(client):
    """Of a picture model: one input with three dimensions beside the batch, its format, one output of FP32."""
    config, metadata = client.get_model_config("brightness"), client.get_model_metadata("brightness")
    (image,), (probabilities,) = config["input"], config["output"]
    assert config["max_batch_size"] >= 1
    assert (image["name"], image["data_type"], image["format"]) == ("image", "TYPE_UINT8", "FORMAT_NHWC")
    assert metadata["inputs"][0]["shape"] == [-1, *image["dims"]] == [-1, 8, 8, 3]
    assert (probabilities["data_type"], probabilities["dims"]) == ("TYPE_FP32", [3])
    height, width, channels = image["dims"]
    batch = np.full((1, height, width, channels), 255, np.uint8)
    outputs = [wanted(probabilities["name"], class_count=1)]
    best = client.infer("brightness", [given(image["name"], batch)], outputs=outputs).as_numpy("probabilities")
    assert best[0][0].decode().endswith(":0:red")


def test_the_configuration_of_a_version_and_of_tensors_without_other_dimensions(client):
    assert client.get_model_config("tiny-sentiment", "1") == client.get_model_config("tiny-sentiment")
    scalar_rows = client.get_model_config("two")["output"][1]
    assert (scalar_rows["dims"], scalar_rows["reshape"]) == ([1], {"shape": []})
    assert {one["data_type"] for one in client.get_model_config("texts")["input"]} == {"TYPE_STRING"}
    with pytest.raises(InferenceServerException, match="Request for unknown model"):
        client.get_model_config("nobody")


def test_an_id_that_was_not_given_is_not_invented(client):
    assert "id" not in client.infer("two", [given("x", X)]).get_response()


@pytest.mark.parametrize("binary", [True, False])
def test_every_datatype_comes_back_as_it_was_sent(client, binary):
    arrays = dict(NUMBERS)
    inputs = [given(f"in_{name}", array, binary) for name, array in arrays.items()]
    outputs = [wanted(f"out_{name}", binary_data=binary) for name in arrays]
    result = client.infer("copied", inputs, outputs=outputs)
    for name, array in arrays.items():
        got = result.as_numpy(f"out_{name}")
        if name == "BYTES":
            expected = array if not binary else np.vectorize(str.encode, otypes=[np.object_])(array)
            assert got.tolist() == expected.tolist()
        else:
            assert got.dtype == array.dtype
            np.testing.assert_array_equal(got, array)


def test_outputs_are_chosen_by_name_and_each_in_its_own_form(client):
    outputs = [wanted("sum", binary_data=False), wanted("doubled", binary_data=True)]
    result = client.infer("two", [given("x", X)], outputs=outputs)
    total, doubled = result.get_response()["outputs"]
    assert total["data"] == [3.0, 12.0]
    assert "data" not in doubled
    np.testing.assert_array_equal(result.as_numpy("doubled"), 2 * X)
    only = client.infer("two", [given("x", X)], outputs=[wanted("sum")])
    assert [output["name"] for output in only.get_response()["outputs"]] == ["sum"]


def test_a_large_batch_is_answered_in_order(client):
    many = np.arange(9000, dtype=np.float32).reshape(3000, 3)
    np.testing.assert_array_equal(client.infer("two", [given("x", many)]).as_numpy("doubled"), 2 * many)


def test_an_image_classifier_takes_pixels_and_gives_probabilities(client):
    images = np.zeros((5, 8, 8, 3), np.uint8)
    for i in range(5):
        images[i, :, :, i % 3] = 10
    result = client.infer("brightness", [given("image", images)]).as_numpy("probabilities")
    assert result.shape == (5, 3)
    assert result.argmax(axis=1).tolist() == [0, 1, 2, 0, 1]


def test_the_largest_classes_come_with_their_labels(client):
    images = np.zeros((2, 8, 8, 3), np.uint8)
    images[0, :, :, 1], images[1, :, :, 2] = 2, 2
    outputs = [wanted("probabilities", class_count=2)]
    result = client.infer("brightness", [given("image", images)], outputs=outputs).as_numpy("probabilities")
    assert result.tolist() == [
        [b"0.786986:1:green", b"0.106507:0:red"],
        [b"0.786986:2:blue", b"0.106507:0:red"],
    ]
    more = [wanted("doubled", class_count=9, binary_data=False)]
    result = client.infer("two", [given("x", X[:1])], outputs=more)
    assert result.get_response()["outputs"][0]["data"] == ["4.000000:2", "2.000000:1", "0.000000:0"]


def test_rows_of_text_are_read_as_far_as_their_mask_goes(client):
    ids = np.array([[5, 2, 4, 0, 0], [3, 3, 2, 2, 2], [2, 3, 3, 3, 3]], np.int64)
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]], np.int64)
    result = client.infer("tiny-sentiment", [given("input_ids", ids), given("attention_mask", mask)])
    np.testing.assert_array_equal(result.as_numpy("logits"), [[0, 2], [4, 6], [0, 2]])


def test_a_version_may_be_named(client):
    ids = [given(name, np.ones((1, 2), np.int64)) for name in ("input_ids", "attention_mask")]
    for version, answered in {"1": "1", "2": "2", "": "2"}.items():
        assert client.infer("tiny-sentiment", ids, version).get_response()["model_version"] == answered


def test_a_graph_whose_rows_depend_on_each_other_gets_all_as_one_row(client):
    result = client.infer("cumulated", [given("x", np.ones(5, np.float32))])
    assert result.as_numpy("y").tolist() == [1, 2, 3, 4, 5]


def test_texts_that_are_no_unicode_are_refused(client):
    with pytest.raises(InferenceServerException, match=r"inputs\.in_BYTES\.0\.0: must be valid Unicode") as raised:
        client.infer("texts", [given("in_BYTES", np.array([[b"\xff", b""]], np.object_))])
    assert raised.value.status() == "400"


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_bodies_are_compressed_both_ways(client, algorithm):
    x = np.zeros((500, 3), np.float32)
    result = client.infer(
        "two",
        [given("x", x)],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    np.testing.assert_array_equal(result.as_numpy("doubled"), 2 * x)


def test_compression_is_named_in_the_answer_and_used_only_when_asked_for(served):
    body = {"inputs": [{"name": "x", "shape": [300, 3], "datatype": "FP32", "data": [0] * 900}]}
    url = f"{served.url}/v2/models/two/infer"
    for asked, answered in [("gzip", "gzip"), ("deflate;q=0.5", "deflate"), ("gzip;q=0", None), ("br", None)]:
        reply = httpx.post(url, json=body, headers={"Accept-Encoding": asked})
        assert reply.headers.get("content-encoding") == answered
        assert len(reply.json()["outputs"][0]["data"]) == 900


def test_the_asyncio_client_gets_the_same(served):
    async def ask() -> list[np.ndarray]:
        async with triton_aio.InferenceServerClient(served.url.removeprefix("http://")) as client:
            assert await client.is_server_live()
            assert await client.is_model_ready("two")
            many = [client.infer("two", [given("x", X + i)]) for i in range(20)]
            compressed = client.infer(
                "two", [given("x", np.tile(X, (100, 1)))],
                request_compression_algorithm="gzip", response_compression_algorithm="gzip",
            )  # fmt: skip
            results = await asyncio.gather(*many, compressed)
            return [result.as_numpy("doubled") for result in results]

    *results, large = asyncio.run(ask())
    for i, result in enumerate(results):
        np.testing.assert_array_equal(result, 2 * (X + i))
    assert large.shape == (200, 3)


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


@pytest.mark.parametrize(
    ("model", "tensor", "says"),
    [
        ("two", given("x", X.astype(np.float64)), "inputs.x: must be FP32, not float64"),
        ("two", given("x", np.ones((1, 4), np.float32)), r"inputs.x: must have shape \[-1, 3\].*it has \[1, 4\]"),
        ("two", given("x", np.ones((0, 3), np.float32)), r"inputs.x: is empty: its shape is \[0, 3\]"),
        ("two", given("y", X), "inputs.y: the model has no such input; it has: x"),
        ("copied", given("in_FP16", NUMBERS["FP16"]), "this input is missing"),
        ("two", given("x", np.ones((4097, 3), np.float32)), "4097 rows, and a request may have 4096"),
        ("tiny-sentiment", given("input_ids", np.ones((1, 17), np.int64)), "attention_mask: this input is missing"),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit_the_model_are_refused_in_words(client, model, tensor, says):
    with pytest.raises(InferenceServerException, match=says) as raised:
        client.infer(model, [tensor])
    assert raised.value.status() == ("413" if "4097" in says else "400")


@pytest.mark.parametrize(
    ("ids", "mask", "says"),
    [
        (np.ones((1, 17)), np.ones((1, 17)), "inputs.input_ids: has 17 tokens a row and the model reads at most 16"),
        (np.ones((1, 2)), np.ones((1, 3)), r"inputs.attention_mask: has shape \[1, 3\], and input_ids has \[1, 2\]"),
        (np.ones((1, 2)), np.ones((2, 2)), "the first dimension counts rows, and must be the same"),
        (np.array([[7]]), np.ones((1, 1)), "inputs.input_ids: holds 7, and the model knows 0 to 6"),
        (np.array([[-1]]), np.ones((1, 1)), "inputs.input_ids: holds -1"),
    ],
)
def test_texts_that_no_graph_could_read_are_refused_before_they_are_queued(client, ids, mask, says):
    tensors = {"input_ids": ids, "attention_mask": mask}
    with pytest.raises(InferenceServerException, match=says) as raised:
        client.infer("tiny-sentiment", [given(name, one.astype(np.int64)) for name, one in tensors.items()])
    assert raised.value.status() == "400"


def test_an_unknown_model_version_or_output_is_named(client):
    for arguments, says, status in [
        ({"model_name": "nobody"}, "no model 'nobody'", "404"),
        ({"model_name": "two", "model_version": "7"}, "no version 7 of model two", "404"),
        ({"model_name": "two", "model_version": "x"}, "a version is a positive whole number", "400"),
        ({"model_name": "two", "outputs": [wanted("z")]}, "has no such output; it has: doubled, sum", "400"),
        ({"model_name": "two", "sequence_id": 5}, "sequence_id", "400"),
        ({"model_name": "two", "timeout": -1}, "parameters.timeout", "400"),
        ({"model_name": "two", "priority": -1}, "parameters.priority", "400"),
    ]:
        with pytest.raises(InferenceServerException, match=says) as raised:
            client.infer(inputs=[given("x", X)], **arguments)
        assert raised.value.status() == status


def test_shared_memory_is_refused(client):
    tensor = triton.InferInput("x", [2, 3], "FP32")
    tensor.set_shared_memory("region", 24)
    with pytest.raises(InferenceServerException, match=r"inputs\.0\.parameters\.shared_memory_region") as raised:
        client.infer("two", [tensor])
    assert raised.value.status() == "400"


def test_timeout_is_a_deadline_in_microseconds(client):
    x = given("x", np.ones((1, 1), np.float32))
    with pytest.raises(InferenceServerException, match="the deadline passed") as raised:
        client.infer("slow", [x], timeout=20_000)
    assert raised.value.status() == "504"
    assert client.infer("slow", [x], timeout=60_000_000).as_numpy("y").shape == (1,)


def test_rows_of_high_priority_go_before_those_that_came_first(served):
    done = []

    def ask(priority: int, rows: int = 1) -> None:
        x = given("x", np.ones((rows, 1), np.float32))
        ask_anew(served, "slow", [x], priority=priority, timeout=60_000_000)
        done.append((priority, rows))

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, 0, 4)]
        eventually(lambda: served.metric('tessera_queue_rows{model="slow"') >= 3)
        for priority in (3, 1, 0):
            asked.append(pool.submit(ask, priority))
            sleep(0.05)
        for each in asked:
            each.result()
    done.remove((0, 4))
    assert [priority for priority, _ in done] == [1, 0, 3]


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
