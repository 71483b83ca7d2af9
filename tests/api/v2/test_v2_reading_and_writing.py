import json
import struct
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.api.media.json_text import JsonLimits
from app.api.v2.reading import Asked, is_quick, read
from app.api.v2.writing import outputs_of, written
from app.errors import InvalidInput, PayloadTooLarge
from app.serving.raw import RawAnswer
from app.tensors import NUMPY_TYPES, TensorSpec

SPECS = (TensorSpec(name="x", datatype="FP32", shape=(-1, 3)),)


def request(tensor: dict[str, Any], binary: bytes = b"", **more: Any) -> tuple[bytes, str | None]:
    head = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], **tensor}], **more}).encode()
    return head + binary, str(len(head)) if binary or "parameters" in tensor else None


def answered(**outputs: np.ndarray) -> RawAnswer:
    return RawAnswer(outputs, {})


def write(asked: Asked, answer: RawAnswer) -> tuple[bytes, int | None]:
    """The body of the answer, and how much of it is JSON if tensors follow."""
    outputs = outputs_of(asked, answer)
    head = b"".join(written("m", 3, asked.id, outputs))
    chunks = [one.binary for one in outputs if one.binary is not None]
    return b"".join([head, *chunks]), len(head) if chunks else None


KINDS = [kind for name, kind in NUMPY_TYPES.items() if name != "BYTES"]


@given(array=st.sampled_from(KINDS).flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_side=0))))
def test_numbers_survive_both_ways_whatever_their_type_and_shape(array):
    name = next(name for name, kind in NUMPY_TYPES.items() if kind == array.dtype)
    answer, length = write(Asked({}, is_binary=True), answered(x=array))
    head = json.loads(answer[:length])["outputs"][0]
    assert (head["datatype"], head["shape"]) == (name, list(array.shape))
    body, header = request(
        {"datatype": name, "shape": head["shape"], "parameters": head["parameters"]}, answer[length:]
    )
    got = read(body, header, SPECS).inputs["x"]
    assert got.dtype == array.dtype
    np.testing.assert_array_equal(got, array)


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5))
def test_texts_survive_both_ways(texts):
    array = np.array(texts, np.object_)
    answer, length = write(Asked({}, is_binary=True), answered(x=array))
    size = len(answer) - length
    body, header = request(
        {"datatype": "BYTES", "shape": [len(texts)], "parameters": {"binary_data_size": size}}, answer[length:]
    )
    assert [one.decode() for one in read(body, header, SPECS).inputs["x"]] == texts


def says(tensor: dict[str, Any], binary: bytes = b"", **more: Any) -> str:
    with pytest.raises(InvalidInput) as raised:
        read(*request(tensor, binary, **more), SPECS)
    return str(raised.value)


@pytest.mark.parametrize(
    ("tensor", "binary", "message"),
    [
        ({}, b"", "inputs.x: has neither data nor binary_data_size"),
        ({"data": [1], "parameters": {"binary_data_size": 4}}, b"1234", "inputs.x: has both data and"),
        ({"data": [1, 2]}, b"", "inputs.x: data is a list of 2; shape [1] needs 1"),
        ({"shape": [2], "data": 1}, b"", "inputs.x: data has 1 elements; shape [2] needs 2"),
        ({"shape": [], "data": [[1]]}, b"", "inputs.x: data has shape [1, 1], and should have [], or be flat"),
        ({"shape": [1, 2], "data": [[1, 2, 3]]}, b"", "inputs.x: data has shape [1, 3], and should have [1, 2]"),
        ({"shape": [2, 1], "data": [[1, 2]]}, b"", "inputs.x: data is a list of 1; shape [2, 1] needs 2"),
        ({"shape": [2, 1], "data": [[1], [2, 3]]}, b"", "inputs.x: the nested lists are ragged"),
        ({"data": ["a"]}, b"", "inputs.x: must be FP32"),
        ({"data": [True]}, b"", "inputs.x: must be FP32"),
        ({"datatype": "INT8", "data": [128]}, b"", "inputs.x: holds 128, and INT8 goes from -128 to 127"),
        ({"datatype": "BF16", "data": [1]}, b"", "inputs.x: BF16 is not supported"),
        ({"datatype": "FP33", "data": [1]}, b"", "inputs.x: 'FP33' is no datatype; there are: BOOL"),
        ({"shape": [-1], "data": [1]}, b"", "inputs.0.shape.0: Input should be greater than or equal to 0"),
        ({"shape": [1.0], "data": [1]}, b"", "inputs.0.shape.0: Input should be a valid integer"),
        ({"shape": [1] * 65, "data": [1]}, b"", "inputs.0.shape: List should have at most 64"),
        ({"shape": [2**62, 0], "data": []}, b"", "inputs.x: no tensor has shape"),
        ({"shape": [2**62], "parameters": {"binary_data_size": 4}}, b"1234", "inputs.x: has 4 bytes; FP32 of"),
        ({"shape": [2**62, 2**62], "data": [1]}, b"", "inputs.x: data is a list of 1; shape"),
        ({"shape": [2**64], "data": [1]}, b"", "inputs.0.shape.0: Input should be less than or equal to"),
        ({"parameters": {"binary_data_size": 3}}, b"123", "inputs.x: has 3 bytes; FP32 of shape [1] has 4"),
        ({"parameters": {"binary_data_size": 8}}, b"1234", "inputs.x: should have 8 bytes, and the body has 4 left"),
        ({"parameters": {"binary_data_size": 4}}, b"12345", "1 bytes follow the last tensor"),
        ({"parameters": {"binary_data_size": -1}}, b"1", "inputs.0.parameters.binary_data_size: Input should be"),
        ({"datatype": "BOOL", "parameters": {"binary_data_size": 1}}, b"\2", "inputs.x: must be BOOL: bytes of 0 or 1"),
        (
            {"datatype": "BYTES", "shape": [2**62], "parameters": {"binary_data_size": 4}},
            b"\0\0\0\0",
            "inputs.x: has 4 bytes; 4611686018427387904 elements of BYTES have at least",
        ),
        (
            {"datatype": "BYTES", "parameters": {"binary_data_size": 6}},
            b"\3\0\0\0ab",
            "inputs.x: ends in element 0",
        ),
        (
            {"datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": 10}},
            b"\3\0\0\0abc123",
            "inputs.x: ends in the length of element 1",
        ),
        (
            {"datatype": "BYTES", "parameters": {"binary_data_size": 6}},
            b"\1\0\0\0ab",
            "inputs.x: has 1 bytes after its 1 elements",
        ),
    ],
)
def test_a_tensor_that_contradicts_itself_is_refused_in_words(tensor, binary, message):
    assert says(tensor, binary).startswith(message)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("x", "must be a number of bytes, not 'x'"),
        ("-1", "must be a number of bytes"),
        ("9" * 30, "must be a number of bytes"),
        ("9", "is 9, and the body has 2 bytes"),
    ],
)
def test_a_header_that_makes_no_sense_is_named(header, message):
    with pytest.raises(InvalidInput, match=message):
        read(b"{}", header, SPECS)


def test_a_body_that_is_no_json_says_how_tensors_may_follow_it():
    with pytest.raises(InvalidInput, match=r"not valid JSON.*Inference-Header-Content-Length must say"):
        read(b"{}\0\0", None, SPECS)


def test_a_tensor_or_an_output_named_twice_is_refused():
    one = {"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}
    with pytest.raises(InvalidInput, match="given twice"):
        read(json.dumps({"inputs": [one, one]}).encode(), None, SPECS)
    assert "more than once" in says({"data": [1]}, outputs=[{"name": "y"}, {"name": "y"}])


VALID = request({"shape": [2, 3], "parameters": {"binary_data_size": 24}}, bytes(24))[0]


@settings(max_examples=150, deadline=None)
@given(
    body=st.one_of(
        st.binary(max_size=200),
        st.integers(0, len(VALID)).map(lambda end: VALID[:end]),
        st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)).map(
            lambda change: VALID[: change[0]] + bytes([change[1]]) + VALID[change[0] + 1 :]
        ),
    ),
    header=st.one_of(st.none(), st.integers(-5, len(VALID) + 5).map(str), st.text(max_size=5)),
)
def test_whatever_arrives_is_read_or_refused(body, header):
    try:
        asked = read(body, header, SPECS)
    except InvalidInput:
        return
    assert all(isinstance(array, np.ndarray) for array in asked.inputs.values())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(
    datatype=st.sampled_from([*NUMPY_TYPES, "BF16"]) | st.text(max_size=4),
    shape=st.lists(st.integers(-2, 2**66) | st.integers(0, 4), max_size=5) | JSON,
    data=JSON,
    parameters=st.fixed_dictionaries({}, optional={"binary_data_size": JSON, "other": JSON}),
    more=st.fixed_dictionaries({}, optional={"parameters": JSON, "outputs": JSON, "id": JSON}),
)
def test_whatever_the_json_says_is_read_or_refused(datatype, shape, data, parameters, more):
    tensor = {"datatype": datatype, "shape": shape, "data": data}
    if parameters:
        tensor["parameters"] = parameters
    body, header = request(tensor, **more)
    try:
        asked = read(body, header, SPECS)
    except InvalidInput:
        return
    assert list(asked.inputs["x"].shape) == shape


def test_numbers_of_thousands_of_digits_are_refused():
    assert says({"datatype": "INT64", "data": [10**4000]}).startswith("inputs.x: holds")
    body = b'{"inputs": [{"name": "x", "datatype": "INT64", "shape": [1], "data": [' + b"9" * 100_000 + b"]}]}"
    with pytest.raises(InvalidInput):
        read(body, None, SPECS)


def test_lists_nested_without_end_are_refused():
    start = b'{"inputs": [{"name": "x", "datatype": "INT64", "shape": [1], "data": '
    for depth, says in ((400_000, "not valid JSON"), (1_000_000, "more than 500000 values")):
        with pytest.raises(InvalidInput, match=says):
            read(start + b"[" * depth, None, SPECS)


def test_a_shape_without_bounds_costs_neither_time_nor_memory():
    bodies = [
        request({"shape": [2**62, 2**62], "datatype": datatype, "parameters": {"binary_data_size": 8}}, bytes(8))
        for datatype in NUMPY_TYPES
    ]
    tracemalloc.start()
    started = time.perf_counter()
    for body, header in bodies:
        with pytest.raises(InvalidInput):
            read(body, header, SPECS)
    taken, (_, peak) = time.perf_counter() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 0.5
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("shape", "datatype", "body", "expected"),
    [
        ((-1, 3), "FP32", struct.pack("<3f", 1, 2, 3), [[1, 2, 3]]),
        ((-1, -1), "INT16", struct.pack("<2h", 1, 2), [[1, 2]]),
        ((2, -1), "UINT8", b"\1\2\3\4", [[1, 2], [3, 4]]),
        ((-1,), "BYTES", b"a text", [b"a text"]),
    ],
)
def test_bytes_alone_are_the_only_input(shape, datatype, body, expected):
    asked = read(body, "0", (TensorSpec(name="x", datatype=datatype, shape=shape),))
    assert asked.is_binary
    assert asked.inputs["x"].tolist() == expected


@pytest.mark.parametrize(
    ("shape", "body", "message"),
    [
        ((-1, -1, -1), bytes(8), "varies too much"),
        ((-1, 3), bytes(8), "2 elements do not fill shape"),
        ((-1, 3), bytes(7), "7 bytes are no whole number of FP32"),
        ((-1, 0), bytes(4), "1 elements do not fill shape"),
    ],
)
def test_bytes_alone_that_do_not_fit_are_refused(shape, body, message):
    with pytest.raises(InvalidInput, match=message):
        read(body, "0", (TensorSpec(name="x", datatype="FP32", shape=shape),))


def test_small_bodies_and_numbers_in_binary_are_quick_to_read():
    number, header = request({"parameters": {"binary_data_size": 100_000}}, bytes(100_000))
    text, text_header = request({"datatype": "BYTES", "parameters": {"binary_data_size": 100_000}}, bytes(100_000))
    assert is_quick(b"{}", None)
    assert is_quick(number, header)
    assert not is_quick(text, text_header)
    assert not is_quick(number, None)


def test_texts_behind_the_json_are_counted_before_any_is_made():
    body, header = request({"datatype": "BYTES", "shape": [60], "parameters": {"binary_data_size": 240}}, bytes(240))
    assert read(body, header, SPECS, JsonLimits(max_values=60)).inputs["x"].tolist() == [b""] * 60
    with pytest.raises(PayloadTooLarge, match="60 elements of BYTES; a request may have 59"):
        read(body, header, SPECS, JsonLimits(max_values=59))


def test_texts_behind_the_json_have_no_more_bytes_than_json_may_have():
    content = struct.pack("<I", 496) + bytes(496)
    body, header = request({"datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 500}}, content)
    specs = (TensorSpec(name="x", datatype="BYTES", shape=(-1,)),)
    assert read(body, header, specs, JsonLimits(max_bytes=500)).inputs["x"].tolist() == [bytes(496)]
    assert read(content, "0", specs, JsonLimits(max_bytes=500)).inputs["x"].tolist() == [content]
    for sent, length in ((body, header), (content, "0")):
        with pytest.raises(PayloadTooLarge, match="500 bytes of BYTES; a request may have 499"):
            read(sent, length, specs, JsonLimits(max_bytes=499))
    numbers, header = request({"parameters": {"binary_data_size": 4000}, "shape": [1000]}, bytes(4000))
    assert read(numbers, header, specs, JsonLimits(max_bytes=500)).inputs["x"].shape == (1000,)
