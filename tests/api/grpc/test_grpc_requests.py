"""A message becomes the request of HTTP that says the same."""

import json

import numpy as np
import pytest
from tritonclient.grpc import service_pb2

from app.api.grpc.inside import sender_of
from app.api.grpc.requests import CONTENTS, RAW, InferRequest
from app.api.grpc.wire import MOST_INSIDE, taken_apart
from app.api.media.json_text import JsonLimits
from app.api.v2.reading import read
from app.errors import InvalidInput, PayloadTooLarge
from app.tensors import NUMPY_TYPES

VALUES = {"BOOL": [True, False], "BYTES": [b"", b"\xff a"], "FP32": [0.5, -1], "FP64": [1e-300, 2]}
LARGEST = {"UINT8": 255, "UINT64": 2**64 - 1, "INT8": -128, "INT64": -(2**63)}


def message(**fields):
    return service_pb2.ModelInferRequest(**{"model_name": "m", **fields})


def asked(message, limits=JsonLimits()):  # noqa: B008
    return InferRequest(*taken_apart(message.SerializeToString(), RAW), limits)


def one_input(datatype, shape, **contents):
    return message(inputs=[{"name": "x", "datatype": datatype, "shape": shape, "contents": contents}])


def tensors(question):
    if isinstance(question.body, Exception):
        raise question.body
    ((_, length),) = question.headers
    return read(b"".join(question.body), length.decode(), ()).inputs


@pytest.mark.parametrize("datatype", CONTENTS)
def test_elements_in_contents_are_the_tensor_that_they_would_be_as_bytes(datatype):
    values = VALUES.get(datatype, [0, LARGEST.get(datatype, 7)])
    found = tensors(asked(one_input(datatype, [1, 2], **{CONTENTS[datatype]: values})).of_tensors())
    expected = np.array([values], NUMPY_TYPES[datatype])
    np.testing.assert_array_equal(found["x"], expected, strict=True)


def test_a_tensor_without_elements_needs_no_contents():
    assert tensors(asked(one_input("FP32", [0, 3])).of_tensors())["x"].shape == (0, 3)
    assert tensors(asked(one_input("FP16", [0])).of_tensors())["x"].dtype == np.float16


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (one_input("FP32", [3], fp32_contents=[1, 2]), r"inputs.x: contents has 2 elements; shape \[3\] needs 3"),
        (one_input("FP32", [2], fp64_contents=[1, 2]), "FP32 stands in fp32_contents, not in fp64_contents"),
        (one_input("FP16", [2], fp32_contents=[1, 2]), "FP16 stands in raw_input_contents alone"),
        (one_input("BF16", [0]), "BF16 is not supported"),
        (one_input("BF17", [0]), "'BF17' is no datatype"),
        (one_input("INT8", [1], int_contents=[300]), "inputs.x: INT8 cannot hold it"),
        (one_input("FP32", [-1], fp32_contents=[1]), "inputs.x: contents has 1 elements"),
        (one_input("FP32", [2**62] * 200_000, fp32_contents=[1]), "inputs.x: has 200000 dimensions, and may have 64"),
        (one_input("FP32", [2**62] * 64, fp32_contents=[1]), "inputs.x: contents has 1 elements"),
        (message(inputs=[{"name": "x", "datatype": "FP32", "shape": [1]}]), "has 0 elements"),
        (
            message(inputs=[{"name": "x", "datatype": "FP32", "shape": [1]}], raw_input_contents=[b"", b""]),
            "bytes of 2 tensors, and there are 1 inputs",
        ),
        (
            message(
                inputs=[{"name": "x", "datatype": "FP32", "shape": [1], "contents": {"fp32_contents": [1]}}],
                raw_input_contents=[bytes(4)],
            ),
            "inputs.x: has contents, and bytes in raw_input_contents",
        ),
        (
            message(inputs=[{"name": "x", "datatype": "FP32", "shape": [2]}], raw_input_contents=[bytes(7)]),
            r"has 7 bytes; FP32 of shape \[2\] has 8",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_in_words(given, says):
    with pytest.raises(InvalidInput, match=says):
        tensors(asked(given).of_tensors())


def test_what_protobuf_makes_objects_of_is_bounded_as_json_is():
    with pytest.raises(PayloadTooLarge, match="3 elements in contents; a request may have 2"):
        tensors(asked(one_input("FP32", [3], fp32_contents=[1, 2, 3]), JsonLimits(max_values=2)).of_tensors())
    large = message(inputs=[{"name": "x" * 200}], raw_input_contents=[bytes(1000)])
    with pytest.raises(PayloadTooLarge, match="may have 100 of these"):
        asked(large, JsonLimits(max_bytes=100))
    assert asked(large, JsonLimits(max_bytes=300)).model == "m"


@pytest.mark.parametrize("part", ["inputs", "outputs"])
def test_parameters_inside_a_request_are_counted_before_they_are_read(part):
    flag = service_pb2.InferParameter(bool_param=True)
    with pytest.raises(InvalidInput, match="may have 10000 fields and parameters together"):
        asked(message(**{part: [{"name": "x", "parameters": {f"{i:x}": flag for i in range(MOST_INSIDE)}}]}))
    with pytest.raises(InvalidInput, match="may have 10000 fields and parameters together"):
        asked(message(inputs=[{"name": "x", "datatype": "FP32", "shape": [1]}] * 3000, outputs=[{"name": "y"}] * 1001))


def test_parameters_are_passed_on_but_for_those_that_say_where_bytes_are():
    given = message(
        model_version="3",
        inputs=[{"name": "x", "datatype": "UINT8", "shape": [1], "contents": {"uint_contents": [1]}}],
        outputs=[{"name": "y", "parameters": {"classification": {"int64_param": 2}, "binary_data": {}}}],
        parameters={"timeout": {"int64_param": 5}, "binary_data_output": {"bool_param": False}},
    )
    question = asked(given).of_tensors()
    head = json.loads(question.body[0])
    assert question.path == "/v2/models/m/versions/3/infer"
    assert head["parameters"] == {"timeout": 5, "binary_data_output": True}
    assert head["outputs"] == [{"name": "y", "parameters": {"classification": 2}}]


def test_a_name_is_one_part_of_the_path():
    assert asked(message(model_name="a/../b")).of_tensors().path == "/v2/models/a%2F..%2Fb/infer"
    with pytest.raises(InvalidInput, match="model_name: names no model"):
        asked(message(model_name="")).of_tensors()


def test_a_text_and_its_parameters_become_properties():
    given = message(
        inputs=[
            {"name": "text_input", "datatype": "BYTES", "shape": [1], "contents": {"bytes_contents": ["é".encode()]}},
            {"name": "max_tokens", "datatype": "INT32", "shape": [1, 1], "contents": {"int_contents": [8]}},
        ],
        parameters={"temperature": {"double_param": 0.5}, "timeout": {"int64_param": 2_500}},
    )
    question = asked(given).of_text(streams=True)
    assert json.loads(question.body[0]) == {"text_input": "é", "max_tokens": 8, "parameters": {"temperature": 0.5}}
    assert question.path.endswith("/generate_stream")
    assert question.headers == [(b"x-request-timeout-ms", b"2")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ([b"\xff"], "inputs.text_input: is no UTF-8"),
        ([b"a", b"b"], "inputs.text_input: must be one element, and has 2"),
    ],
)
def test_what_is_no_text_is_refused(text, says):
    contents = {"bytes_contents": text}
    given = message(inputs=[{"name": "text_input", "datatype": "BYTES", "shape": [len(text)], "contents": contents}])
    error = asked(given).of_text(streams=False).body
    assert isinstance(error, InvalidInput)
    assert says in str(error)


def test_for_whom_a_call_asks_is_passed_on():
    sender = sender_of("ModelInfer", [("x-tessera-subject", "u1"), ("x-forwarded-for", "1.2.3.4")], "ipv4:127.0.0.1:9")
    assert sender.headers == [(b"x-tessera-subject", b"u1")]
