"""The Open Inference Protocol over gRPC as its own client speaks it, against the service as a process."""

import asyncio
import queue
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from conftest import publish_sentiment
from graphs import copied, doubled_and_summed
from services import Service, free_port, publish_slow, running
from test_v2_clients import NUMBERS, X
from test_v2_refusals import BAD_TOKENS, MISFITS, UNKNOWN
from tritonclient.utils import InferenceServerException, np_to_triton_dtype
from waiting import eventually

from app.adding.command import add_model

STATUS = {"400": "StatusCode.INVALID_ARGUMENT", "404": "StatusCode.NOT_FOUND"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory):
    scratch, root = tmp_path_factory.mktemp("scratch"), tmp_path_factory.mktemp("models")
    publish_sentiment(root, scratch)
    publish_slow(root, scratch)
    add_model(doubled_and_summed(scratch / "two.onnx"), "two", root)
    add_model(copied(scratch / "copied.onnx", *NUMBERS), "copied", root)
    return root


@pytest.fixture(scope="module")
def served(root) -> Iterator[Service]:
    with running(root, TESSERA_THREADS="1", TESSERA_GRPC_PORT=str(free_port())) as service:
        yield service


@pytest.fixture
def client(served: Service) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(served.grpc_place) as client:
        yield client


def given(name: str, array: np.ndarray) -> triton.InferInput:
    return triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype)).set_data_from_numpy(array)


def test_every_datatype_comes_back_as_it_was_sent(client):
    result = client.infer("copied", [given(f"in_{name}", array) for name, array in NUMBERS.items()], request_id="mine")
    assert result.get_response().id == "mine"
    for name, array in NUMBERS.items():
        found = result.as_numpy(f"out_{name}")
        expected = np.vectorize(str.encode, otypes=[object])(array) if name == "BYTES" else array
        np.testing.assert_array_equal(found, expected, strict=True)


def test_outputs_are_chosen_and_classified(client):
    outputs = [triton.InferRequestedOutput("doubled", class_count=1)]
    (best,) = client.infer("two", [given("x", X[:1])], outputs=outputs).as_numpy("doubled")
    assert best[0].startswith(b"4.000000:2")


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_a_large_tensor_goes_compressed_and_not(client, compression):
    x = np.random.default_rng(0).normal(size=(4096, 3)).astype(np.float32)
    result = client.infer("two", [given("x", x)], compression_algorithm=compression)
    np.testing.assert_array_equal(result.as_numpy("doubled"), 2 * x)


def test_what_http_refuses_is_refused_in_the_same_words(client):
    bad_tokens = [
        ("tiny-sentiment", {"input_ids": ids.astype(np.int64), "attention_mask": mask.astype(np.int64)}, says)
        for ids, mask, says in BAD_TOKENS
    ]
    for model, tensors, says in [*((model, {name: array}, says) for model, name, array, says in MISFITS), *bad_tokens]:
        with pytest.raises(InferenceServerException, match=says) as raised:
            client.infer(model, [given(name, array) for name, array in tensors.items()])
        assert raised.value.status() == STATUS["400"]


# A priority of -1 does not leave the client.
@pytest.mark.parametrize(("arguments", "says", "status"), [one for one in UNKNOWN if "priority" not in one[0]])
def test_an_unknown_model_version_or_output_is_named(client, arguments, says, status):
    names = arguments.get("outputs")
    outputs = {"outputs": list(map(triton.InferRequestedOutput, names))} if names else {}
    with pytest.raises(InferenceServerException, match=says) as raised:
        client.infer(inputs=[given("x", X)], **{**arguments, **outputs})
    assert raised.value.status() == STATUS[status]


def test_shared_memory_is_refused(client):
    tensor = triton.InferInput("x", [2, 3], "FP32")
    tensor.set_shared_memory("region", 24)
    with pytest.raises(InferenceServerException, match=r"inputs\.x: there is no shared memory"):
        client.infer("two", [tensor])
    with pytest.raises(InferenceServerException, match="there is no shared memory") as raised:
        client.get_system_shared_memory_status()
    assert raised.value.status() == "StatusCode.UNIMPLEMENTED"


def test_a_stream_calls_back_for_each_of_its_requests(client):
    told: queue.Queue = queue.Queue()
    client.start_stream(lambda result, error: told.put((result, error)))
    for i in range(20):
        client.async_stream_infer("two", [given("x", X + i)], request_id=str(i))
    client.async_stream_infer("nobody", [given("x", X)])
    answers = [told.get(timeout=30) for _ in range(21)]
    client.stop_stream()
    results = [result for result, error in answers if error is None]
    assert [result.get_response().id for result in results] == [str(i) for i in range(20)]
    np.testing.assert_array_equal(results[19].as_numpy("doubled"), 2 * (X + 19))
    (failed,) = [error for _, error in answers if error is not None]
    assert "no model 'nobody'" in failed.message()


def test_the_asynchronous_client_asks_much_at_a_time(served):
    async def ask() -> list[np.ndarray]:
        async with triton_aio.InferenceServerClient(served.grpc_place) as client:
            assert await client.is_server_ready()
            results = await asyncio.gather(*(client.infer("two", [given("x", X + i)]) for i in range(50)))
            return [result.as_numpy("doubled") for result in results]

    for i, doubled in enumerate(asyncio.run(ask())):
        np.testing.assert_array_equal(doubled, 2 * (X + i))


def test_after_sigterm_what_was_admitted_is_answered_and_an_idle_stream_does_not_hold_it_up(root):
    with (
        running(root, TESSERA_THREADS="1", TESSERA_GRPC_PORT=str(free_port()), TESSERA_DRAIN_TIMEOUT_S="60") as service,
        triton.InferenceServerClient(service.grpc_place) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        client.start_stream(lambda result, error: None)
        admitted = pool.submit(client.infer, "slow", [given("x", np.ones((6, 1), np.float32))])
        eventually(lambda: service.metric('tessera_queue_rows{model="slow"') > 2)
        service.terminate()
        eventually(lambda: not client.is_server_ready())
        with pytest.raises(InferenceServerException, match="stopping") as raised:
            client.infer("two", [given("x", X)])
        assert raised.value.status() == "StatusCode.UNAVAILABLE"
        assert admitted.result(60).as_numpy("y").shape == (6,)
        assert service.ended() == 0
        client.stop_stream(cancel_requests=True)


def test_a_port_that_is_taken_and_a_package_that_is_missing_are_told_at_the_start(root, served):
    taken = served.grpc_place.rpartition(":")[2]
    service = Service(root, TESSERA_GRPC_PORT=taken)
    _, said = service.process.communicate(timeout=60)
    assert service.process.returncode == 1
    assert f"gRPC cannot listen on 127.0.0.1:{taken}: the port may be taken" in said

    without = "import sys; sys.modules['grpc'] = None; from app.__main__ import main; sys.exit(main(['serve']))"
    service = Service(root, entry=("-c", without), TESSERA_GRPC_PORT=str(free_port()))
    _, said = service.process.communicate(timeout=60)
    assert service.process.returncode == 2
    assert "TESSERA_GRPC_PORT is set, and grpc is not installed: pip install 'tessera[grpc]'" in said


def test_without_the_port_nothing_of_grpc_is_loaded(root):
    asked = "import sys; import app.__main__, app.main; sys.exit('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
