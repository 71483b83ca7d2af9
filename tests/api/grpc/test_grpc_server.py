"""The server of gRPC against callers who send too much, read too little, have no key or leave."""

import asyncio
import gzip
from pathlib import Path
from threading import Event, Thread

import grpc
import numpy as np
import pytest
from cascades import publish_cascade, publish_models
from certificates import AUTHORITY, write_certificate
from conftest import publish_sentiment
from graphs import doubled_and_summed, publish_cumulated
from grpc_services import grpc_serving, unary
from services import publish_slow
from tritonclient.grpc import service_pb2
from waiting import eventually

from app.adding.command import add_model
from app.api.grpc.arriving import Arriving
from app.api.grpc.calls import Behind, Call
from app.api.grpc.methods import NOT_OFFERED
from app.api.grpc.streams import MOST_AT_A_TIME
from app.api.http.certificate import Certificate
from app.api.http.limits import Limits
from app.keys import KeyRing, add_key

Code = grpc.StatusCode
LIMIT = 2_000_000


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_sentiment(root, scratch)
    publish_slow(root, scratch)
    add_model(doubled_and_summed(scratch / "two.onnx"), "two", root)
    publish_cumulated(root, scratch)
    publish_models(root, scratch)
    publish_cascade(root)
    return root


@pytest.fixture(scope="module")
def service(root):
    with grpc_serving(
        root, Limits(max_body_bytes=LIMIT, bodies_bytes=100 * LIMIT), reading_s=0.5, max_header_bytes=20_000
    ) as service:
        yield service


@pytest.fixture
def channel(service):
    with service.channel() as channel:
        yield channel


def infer_request(model="two", name="x", array=None, **fields):
    array = np.ones((1, 3), np.float32) if array is None else array
    datatype = {"float32": "FP32", "uint8": "UINT8"}[array.dtype.name]
    tensor = {"name": name, "datatype": datatype, "shape": array.shape}
    message = service_pb2.ModelInferRequest(
        model_name=model, inputs=[tensor], raw_input_contents=[array.tobytes()], **fields
    )
    return message.SerializeToString()


def refused(call):
    with pytest.raises(grpc.RpcError) as raised:
        call()
    return raised.value.code(), raised.value.details()


def test_a_cascade_says_in_a_parameter_and_a_trailer_which_step_answered(channel):
    ids = np.array([[2, 4]])
    tensors = [{"name": name, "datatype": "INT64", "shape": ids.shape} for name in ("input_ids", "attention_mask")]
    contents = [ids.tobytes(), np.ones_like(ids).tobytes()]
    message = service_pb2.ModelInferRequest(model_name="mood", inputs=tensors, raw_input_contents=contents)
    answer, call = unary(channel, "ModelInfer").with_call(message.SerializeToString(), timeout=20)
    response = service_pb2.ModelInferResponse.FromString(answer)
    assert response.parameters["answered_by"].string_param == "large"
    assert np.frombuffer(response.raw_output_contents[0], np.float32).tolist() == [0, -4]
    assert dict(call.trailing_metadata())["x-answered-by"] == "large;items=1"


def test_a_call_has_a_line_in_the_log_and_a_metric_under_its_own_name(service, channel):
    service.lines.clear()
    _, call = unary(channel, "ModelInfer").with_call(infer_request(), metadata=[("x-request-id", "mine")], timeout=20)
    trailers = dict(call.trailing_metadata())
    (line,) = service.lines
    assert (line.request_id, line.method, line.route) == ("mine", "POST", "/inference.GRPCInferenceService/ModelInfer")
    assert (line.model, line.version, line.status) == ("two", "1", 200)
    assert trailers["x-request-id"] == "mine"
    assert "inference;dur=" in trailers["server-timing"]
    assert b'route="/inference.GRPCInferenceService/ModelInfer"' in service.telemetry.render()


def test_what_is_no_message_is_refused(channel):
    for method, message in [
        ("ModelInfer", b"\xff\xff"),
        ("ModelReady", b"\x0a\x05x"),
        ("ModelInfer", b"\x0a\x02\xff\xff"),
    ]:
        code, details = refused(lambda method=method, message=message: unary(channel, method)(message, timeout=20))
        assert (code, details) == (Code.INVALID_ARGUMENT, "this is no message of the protocol")


def test_a_call_without_a_message_is_refused(channel):
    asked = channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
    assert refused(lambda: asked(iter(()), timeout=20)) == (Code.INVALID_ARGUMENT, "the call has no message")


def test_what_is_not_offered_says_why(channel):
    for method, why in NOT_OFFERED.items():
        assert refused(lambda method=method: unary(channel, method)(b"", timeout=20)) == (Code.UNIMPLEMENTED, why)
    assert refused(lambda: unary(channel, "Invented")(b"", timeout=20))[0] is Code.UNIMPLEMENTED


def test_the_route_says_what_is_too_large_and_grpc_what_is_far_too_large(channel):
    infer = unary(channel, "ModelInfer")
    fits = np.zeros((1, LIMIT - 1000), np.uint8)
    code, details = refused(lambda: infer(infer_request("two", array=fits), timeout=20))
    assert code is Code.INVALID_ARGUMENT
    assert "UINT8" in details or "must be FP32" in details
    more = np.zeros((1, LIMIT + 1), np.uint8)
    code, details = refused(lambda: infer(infer_request("two", array=more), timeout=20))
    assert (code, details) == (Code.INVALID_ARGUMENT, f"the body has more than the {LIMIT} bytes that it may have here")
    code, details = refused(lambda: infer(infer_request("two", array=np.zeros((2, LIMIT), np.uint8)), timeout=20))
    assert code is Code.RESOURCE_EXHAUSTED
    assert "larger than max" in details
    code, details = refused(lambda: unary(channel, "ModelMetadata")(b"\x0a\xff\xff\x04" + b"a" * 81919, timeout=20))
    assert code is Code.INVALID_ARGUMENT
    assert "may have 64000 here" in details


def test_a_message_may_be_compressed_and_is_no_larger_then(service):
    compressed = grpc.Compression.Gzip
    with service.channel() as channel:
        infer = unary(channel, "ModelInfer")
        sparse = np.zeros((100_000, 3), np.float32)
        code, details = refused(lambda: infer(infer_request(array=sparse), compression=compressed, timeout=20))
        assert (code, "a request may have 4096" in details) == (Code.INVALID_ARGUMENT, True)
        assert infer(infer_request(), compression=compressed, timeout=20)
        bomb = np.zeros((10, LIMIT), np.uint8)
        assert len(gzip.compress(bomb.tobytes()[:LIMIT], 1)) < LIMIT / 100
        code, details = refused(lambda: infer(infer_request(array=bomb), compression=compressed, timeout=60))
        assert code is Code.RESOURCE_EXHAUSTED
        assert infer(infer_request(), timeout=20)


def test_too_much_metadata_ends_its_call_alone(channel):
    infer = unary(channel, "ModelInfer")
    code, _ = refused(lambda: infer(infer_request(), metadata=[("x-much", "x" * 50_000)], timeout=20))
    assert code is Code.RESOURCE_EXHAUSTED
    assert infer(infer_request(), timeout=20)


def test_many_calls_of_one_connection_are_all_answered(channel):
    infer = unary(channel, "ModelInfer")
    calls = [infer.future(infer_request(), timeout=60) for _ in range(250)]
    assert len({call.result() for call in calls}) == 1


def test_a_client_that_leaves_is_no_longer_worked_for(service, channel):
    service.lines.clear()
    slow = infer_request("slow", array=np.ones((50, 1), np.float32))
    call = unary(channel, "ModelInfer").future(slow, timeout=60)
    eventually(lambda: b"tessera_requests_in_flight 1.0" in service.telemetry.render())
    call.cancel()
    eventually(lambda: [line.status for line in service.lines] == [499])


def test_the_deadline_of_a_call_is_that_of_its_request(service, channel):
    service.lines.clear()
    slow = infer_request("slow", array=np.ones((50, 1), np.float32))
    code, _ = refused(lambda: unary(channel, "ModelInfer")(slow, timeout=0.1))
    assert code in (Code.DEADLINE_EXCEEDED, Code.RESOURCE_EXHAUSTED)  # too late, or foreseen to be
    eventually(lambda: [line.status in (429, 499, 504) for line in service.lines] == [True])


def test_a_client_that_does_not_read_is_left(service):
    service.lines.clear()
    message = infer_request("sums", array=np.ones((LIMIT - 1000) // 4, np.float32))
    with service.channel() as channel:
        call = channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")(
            iter([message] * 60), timeout=60
        )
        # As many as are worked on at a time have an end, though the answers of few fit on their way.
        eventually(lambda: len(service.lines) >= MOST_AT_A_TIME, 60)
        assert 200 in [line.status for line in service.lines]
        with pytest.raises(grpc.RpcError) as raised:
            list(call)
        assert raised.value.code() is Code.DEADLINE_EXCEEDED
        assert raised.value.details() == "the answer is read too slowly"
        assert unary(channel, "ModelInfer")(infer_request(), timeout=20)


def test_whoever_has_no_key_is_refused_before_he_sends_anything(root, tmp_path: Path):
    secret = add_key(tmp_path / "keys.json", "me")
    with grpc_serving(root, Limits(), KeyRing(tmp_path / "keys.json")) as service, service.channel() as channel:
        never = Event()
        infer = channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
        silent = iter(lambda: never.wait(60), True)
        thread_ends = Thread(target=never.set)
        code, details = refused(lambda: infer(silent, timeout=20))
        thread_ends.start()
        thread_ends.join()
        assert code is Code.UNAUTHENTICATED
        assert "a key is needed" in details
        wrong = [("authorization", "Bearer wrong")]
        assert refused(lambda: unary(channel, "ServerMetadata")(b"", metadata=wrong, timeout=20))[0] is code
        for metadata in ([("authorization", f"Bearer {secret}")], [("x-api-key", secret)]):
            assert unary(channel, "ModelInfer")(infer_request(), metadata=metadata, timeout=20)
        assert service.lines[-1].key == "me"
        for method in ("ServerLive", "ServerReady", "/grpc.health.v1.Health/Check"):
            assert unary(channel, method)(b"", timeout=20) == b"\x08\x01"


def test_a_key_may_do_over_grpc_what_its_scopes_and_limits_let_it_do_over_http(root, tmp_path: Path):
    file = tmp_path / "keys.json"
    predicts = [("x-api-key", add_key(file, "predicts", scopes=("predict",), models=("two",)))]
    with grpc_serving(root, Limits(), KeyRing(file)) as service, service.channel() as channel:
        assert unary(channel, "ModelInfer")(infer_request(), metadata=predicts, timeout=20)
        other = infer_request("sums", array=np.ones(3, np.float32))
        code, _ = refused(lambda: unary(channel, "ModelInfer")(other, metadata=predicts, timeout=20))
        assert code is Code.NOT_FOUND
        unload = service_pb2.RepositoryModelUnloadRequest(model_name="two").SerializeToString()
        code, said = refused(lambda: unary(channel, "RepositoryModelUnload")(unload, metadata=predicts, timeout=20))
        assert (code, "the scope admin" in said) == (Code.PERMISSION_DENIED, True)


class SlowSender:
    """A call whose message never comes."""

    def __init__(self, peer):
        self.peer, self.is_read = lambda: peer, False
        self.invocation_metadata, self.time_remaining = tuple, lambda: None

    async def read(self):
        self.is_read = True
        await asyncio.Event().wait()


def test_all_addresses_of_one_network_send_as_one_caller():
    async def read_at_once() -> list[bool]:
        behind = Behind(None, None, Limits(), None, Arriving(places=2, slow_s=60), 1.0)
        senders = [SlowSender(f"ipv6:%5B2001:db8:1:{network}%5D:5000") for network in ("2::1", "2::2", "3::1")]
        calls = [asyncio.create_task(Call(behind, "ModelInfer", sender).message()) for sender in senders]
        await asyncio.sleep(0.05)
        for call in calls:
            call.cancel()
        behind.aside.close()
        return [sender.is_read for sender in senders]

    assert asyncio.run(read_at_once()) == [True, False, True]


def test_with_a_certificate_callers_are_met_over_tls_alone(root, tmp_path: Path):
    own = Certificate(*write_certificate(tmp_path))
    trusted = grpc.ssl_channel_credentials(AUTHORITY.cert_pem.bytes())
    with grpc_serving(root, Limits(), certificate=own) as service:
        with grpc.secure_channel(f"127.0.0.1:{service.port}", trusted) as channel:
            assert unary(channel, "ModelInfer")(infer_request(), timeout=20)
        with service.channel() as channel:
            assert refused(lambda: unary(channel, "ModelInfer")(infer_request(), timeout=20))[0] is Code.UNAVAILABLE
