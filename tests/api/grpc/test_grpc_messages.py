"""The table of messages is that of the protocol, by the descriptors of a client which has generated code of it."""

import pytest
from tritonclient.grpc import model_config_pb2, service_pb2

from app.api.grpc.messages import ENUMS, FIELDS, MESSAGES

OTHER_NAMES = {
    "Empty": "ServerLiveRequest",
    "ModelRequest": "ModelMetadataRequest",
    "RepositoryModelRequest": "RepositoryModelLoadRequest",
}


def theirs():
    found, waiting = {}, []
    for file in (service_pb2.DESCRIPTOR, model_config_pb2.DESCRIPTOR):
        waiting += file.message_types_by_name.values()
    while waiting:
        message = waiting.pop()
        waiting += message.nested_types
        found[message.name] = message
    return found


THEIRS = theirs()


def described(field):
    names = (field.message_type or field.enum_type) and (field.message_type or field.enum_type).name
    entry = field.message_type is not None and field.message_type.GetOptions().map_entry
    inside = described(field.message_type.fields_by_name["value"]) if entry else names
    return field.name, field.number, field.type, field.is_repeated, inside, field.containing_oneof is not None


@pytest.mark.parametrize("name", [name for name in FIELDS if not name.startswith("Health")])
def test_a_field_has_the_number_and_type_that_clients_know(name):
    known = {field.name: described(field) for field in THEIRS[OTHER_NAMES.get(name, name)].fields}
    ours = {field.name: described(field) for field in MESSAGES[name].DESCRIPTOR.fields}
    assert ours == {field: known[field] for field in ours}


def test_requests_leave_no_field_out():
    for name in ("ModelInferRequest", "InferInputTensor", "InferTensorContents", "InferParameter", "ModelRequest"):
        assert set(FIELDS[name]) == {field.name for field in THEIRS[OTHER_NAMES.get(name, name)].fields}


@pytest.mark.parametrize("name", ENUMS)
def test_an_enum_has_the_values_that_clients_know(name):
    enum = model_config_pb2.DESCRIPTOR.enum_types_by_name.get(name) or THEIRS["ModelInput"].enum_types_by_name[name]
    assert ENUMS[name] == {value.name: value.number for value in enum.values}
