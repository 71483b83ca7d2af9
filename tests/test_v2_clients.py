"""The Open Inference Protocol as its own clients speak it, against the service as a process."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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
