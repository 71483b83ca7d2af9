"""Messages are taken apart and put together as protobuf does it."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from app.api.grpc.wire import MOST_FIELDS, put_together, taken_apart
from app.errors import InvalidInput

RAW = 7


def request(contents):
    message = service_pb2.ModelInferRequest(model_name="two", id="é" * 200, raw_input_contents=contents)
    message.parameters["timeout"].int64_param = -1
    message.parameters["near"].double_param = 0.5
    message.inputs.add(name="x", shape=[2, 2**62], datatype="FP32").contents.fp32_contents.extend([1, 2])
    return message


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_apart_and_together_is_what_protobuf_reads(contents):
    message = request(contents)
    rest, found = taken_apart(message.SerializeToString(), RAW)
    assert [bytes(one) for one in found] == contents
    assert service_pb2.ModelInferRequest.FromString(rest) == request([])
    assert service_pb2.ModelInferRequest.FromString(put_together(rest, RAW, found)) == message


@given(st.binary(max_size=60))
def test_what_is_refused_is_no_message_to_protobuf_either(message):
    try:
        taken_apart(message, RAW)
    except InvalidInput:
        if not any(byte & 7 in (3, 4) for byte in message):  # groups are of its encoding, and of no message here
            with pytest.raises(DecodeError):
                service_pb2.ModelInferRequest.FromString(message)


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_message_without_its_end_is_none(cut):
    message = service_pb2.ModelInferRequest(raw_input_contents=[b"x" * 50]).SerializeToString()
    with pytest.raises(InvalidInput, match="no message of the protocol"):
        taken_apart(message[:-cut], RAW)


def test_a_message_of_more_fields_than_any_request_has_is_not_read_to_its_end():
    with pytest.raises(InvalidInput, match="5000 inputs, outputs and parameters"):
        taken_apart(b"\x3a\x00" * (MOST_FIELDS + 1), RAW)
