"""Many requests over one stream, in order if they have one answer, and texts in pieces, as over HTTP."""

import json
from itertools import islice
from threading import current_thread

import grpc
import numpy as np
import pytest
from graphs import doubled_and_summed
from grpc_services import grpc_serving, unary
from services import publish_slow
from starlette.testclient import TestClient
from test_grpc_server import infer_request
from tiny_writer import WRITER, publish_writer
from tritonclient.grpc import service_pb2
from waiting import eventually

from app.adding.command import add_model
from app.api.app import create_app
from app.api.grpc.requests import InferRequest
from app.api.http.limits import Limits
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.telemetry import Telemetry


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_slow(root, scratch)
    publish_writer(root, scratch / "writer")
    add_model(doubled_and_summed(scratch / "two.onnx"), "two", root)
    return root


@pytest.fixture(scope="module")
def service(root):
    with grpc_serving(root, Limits()) as service:
        yield service


@pytest.fixture
def stream(service):
    with service.channel() as channel:
        asked = channel.stream_stream(
            "/inference.GRPCInferenceService/ModelStreamInfer",
            response_deserializer=service_pb2.ModelStreamInferResponse.FromString,
        )
        yield lambda *messages, **options: asked(iter(messages), timeout=60, **options)


def text_request(text="abc", **parameters):
    tensor = {"name": "text_input", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": [text.encode()]}}
    message = service_pb2.ModelInferRequest(model_name=WRITER, id=text, inputs=[tensor])
    for name, value in parameters.items():
        setattr(message.parameters[name], "bool_param" if value is True else "int64_param", value)
    return message.SerializeToString()


def text_of(response):
    return response.raw_output_contents[0][4:].decode()


def is_final(response):
    return response.parameters["triton_final_response"].bool_param


@pytest.fixture(scope="module")
def over_http(root):
    telemetry = Telemetry()
    engine = LocalEngine(ModelRepository(root), telemetry, options=RuntimeOptions(device="cpu"))
    with TestClient(create_app(engine, telemetry, Limits())) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        reply = client.post(f"/v2/models/{WRITER}/generate_stream", json={"text_input": "abc", "max_tokens": 12})
    return "".join(json.loads(one.removeprefix("data: "))["text_output"] for one in reply.text.split("\n\n")[:-1])


def test_a_text_comes_in_pieces_as_over_http_and_then_its_end_if_that_is_wanted(stream, over_http):
    request = text_request(max_tokens=12, triton_enable_empty_final_response=True)
    *pieces, last = [told.infer_response for told in stream(request)]
    assert len(pieces) > 1
    assert "".join(map(text_of, pieces)) == over_http
    assert {(one.model_name, one.model_version, one.id, is_final(one)) for one in pieces} == {
        (WRITER, "1", "abc", False)
    }
    assert (last.model_version, last.id, len(last.outputs), is_final(last)) == ("1", "abc", 0, True)
    silent = [told.infer_response for told in stream(text_request(max_tokens=12))]
    assert "".join(map(text_of, silent)) == over_http
    assert not any(map(is_final, silent))


def test_a_long_text_is_read_beside_the_loop(service, stream, monkeypatch):
    threads, of_text = [], InferRequest.of_text
    monkeypatch.setattr(
        InferRequest, "of_text", lambda *of, **how: (threads.append(current_thread().name), of_text(*of, **how))[1]
    )
    raw = service_pb2.ModelInferRequest(
        model_name=WRITER,
        inputs=[{"name": "text_input", "datatype": "BYTES", "shape": [1]}],
        raw_input_contents=[(30_000).to_bytes(4, "little") + b"a" * 30_000],
    ).SerializeToString()
    list(stream(text_request("a" * 30_000, max_tokens=1), raw))
    with service.channel() as channel, pytest.raises(grpc.RpcError):
        unary(channel, "ModelInfer")(raw, timeout=20)
    assert [name.partition("-")[0] for name in threads] == ["read"] * 3


def test_model_infer_gives_a_text_as_a_whole(service, over_http):
    with service.channel() as channel:
        infer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            response_deserializer=service_pb2.ModelInferResponse.FromString,
        )
        answer = infer(text_request(max_tokens=12), timeout=60)
    assert text_of(answer) == over_http
    assert answer.outputs[0].datatype == "BYTES"
    assert "triton_final_response" not in answer.parameters


def test_whole_answers_come_in_the_order_of_their_requests(stream):
    slow = infer_request("slow", array=np.ones((1, 1), np.float32), id="slow")
    answers = stream(slow, *(infer_request(id=str(i)) for i in range(5)))
    told = [one.infer_response for one in answers]
    assert [one.id for one in told] == ["slow", "0", "1", "2", "3", "4"]
    assert all(is_final(one) for one in told)


def test_a_request_that_fails_is_told_so_and_the_stream_goes_on(stream):
    told = list(stream(infer_request("nobody", id="1"), b"\xff", text_request("abc", bogus=1), infer_request(id="2")))
    messages = sorted((one.infer_response.id, one.error_message) for one in told)
    assert [id for id, _ in messages] == ["", "1", "2", "abc"]
    assert messages[0][1] == "this is no message of the protocol"
    assert "no model 'nobody'" in messages[1][1]
    assert messages[2][1] == ""
    assert "bogus" in messages[3][1]


def test_a_stream_may_end_with_its_first_failure(stream):
    answers = stream(infer_request("nobody"), metadata=[("triton_grpc_error", "true")])
    with pytest.raises(grpc.RpcError) as raised:
        list(answers)
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND


def test_more_requests_than_are_worked_on_at_a_time_are_all_answered(stream):
    assert len(list(stream(*(infer_request(id=str(i)) for i in range(100))))) == 100


def test_a_client_that_leaves_ends_its_text(service, stream):
    service.lines.clear()
    answers = stream(text_request("abc" * 3, max_tokens=40))
    assert len(list(islice(answers, 2))) == 2
    answers.cancel()
    eventually(lambda: len(service.lines) == 1)
    eventually(lambda: b"tessera_requests_in_flight 0.0" in service.telemetry.render())
