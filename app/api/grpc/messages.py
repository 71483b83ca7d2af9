"""The messages of the protocol, as a table of their fields and numbers.

They are those of the specification (https://github.com/kserve/open-inference-protocol, `open_inference_grpc.proto`) and
of Triton's extensions (https://github.com/triton-inference-server/common, `grpc_service.proto` and
`model_config.proto`), of which fields that we neither read nor write are left out: protobuf passes over them. Health is
that of https://github.com/grpc/grpc/blob/master/doc/health-checking.md.

The classes are made at import, since generated code runs with few versions of protobuf; and in a pool of their own,
where those of a client in the same process are not in their way.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

PACKAGE = "inference"
NUMBERED = {"name": "string 1", "version": "string 2"}
TENSOR = {"name": "string 1", "datatype": "string 2", "shape": "repeated int64 3"}
REPOSITORY = {
    "repository_name": "string 1",
    "model_name": "string 2",
    "parameters": "map ModelRepositoryParameter 3",
}

FIELDS: Mapping[str, Mapping[str, str]] = {
    "Empty": {},
    "ServerLiveResponse": {"live": "bool 1"},
    "ServerReadyResponse": {"ready": "bool 1"},
    "ServerMetadataResponse": {"name": "string 1", "version": "string 2", "extensions": "repeated string 3"},
    "ModelRequest": NUMBERED,
    "ModelReadyResponse": {"ready": "bool 1"},
    "ModelMetadataResponse": {
        "name": "string 1",
        "versions": "repeated string 2",
        "platform": "string 3",
        "inputs": "repeated TensorMetadata 4",
        "outputs": "repeated TensorMetadata 5",
    },
    "TensorMetadata": TENSOR,
    "InferParameter": {
        "bool_param": "bool 1",
        "int64_param": "int64 2",
        "string_param": "string 3",
        "double_param": "double 4",
        "uint64_param": "uint64 5",
    },
    "InferTensorContents": {
        "bool_contents": "repeated bool 1",
        "int_contents": "repeated int32 2",
        "int64_contents": "repeated int64 3",
        "uint_contents": "repeated uint32 4",
        "uint64_contents": "repeated uint64 5",
        "fp32_contents": "repeated float 6",
        "fp64_contents": "repeated double 7",
        "bytes_contents": "repeated bytes 8",
    },
    "InferInputTensor": {**TENSOR, "parameters": "map InferParameter 4", "contents": "InferTensorContents 5"},
    "InferRequestedOutputTensor": {"name": "string 1", "parameters": "map InferParameter 2"},
    "ModelInferRequest": {
        "model_name": "string 1",
        "model_version": "string 2",
        "id": "string 3",
        "parameters": "map InferParameter 4",
        "inputs": "repeated InferInputTensor 5",
        "outputs": "repeated InferRequestedOutputTensor 6",
        "raw_input_contents": "repeated bytes 7",
    },
    "InferOutputTensor": {**TENSOR, "parameters": "map InferParameter 4"},
    "ModelInferResponse": {
        "model_name": "string 1",
        "model_version": "string 2",
        "id": "string 3",
        "parameters": "map InferParameter 4",
        "outputs": "repeated InferOutputTensor 5",
        "raw_output_contents": "repeated bytes 6",
    },
    "ModelStreamInferResponse": {"error_message": "string 1", "infer_response": "ModelInferResponse 2"},
    "ModelConfigResponse": {"config": "ModelConfig 1"},
    "ModelConfig": {
        "name": "string 1",
        "platform": "string 2",
        "max_batch_size": "int32 4",
        "input": "repeated ModelInput 5",
        "output": "repeated ModelOutput 6",
        "default_model_filename": "string 8",
        "backend": "string 17",
        "model_transaction_policy": "ModelTransactionPolicy 19",
    },
    "ModelInput": {
        "name": "string 1",
        "data_type": "DataType 2",
        "format": "Format 3",
        "dims": "repeated int64 4",
        "reshape": "ModelTensorReshape 5",
    },
    "ModelOutput": {
        "name": "string 1",
        "data_type": "DataType 2",
        "dims": "repeated int64 3",
        "reshape": "ModelTensorReshape 5",
    },
    "ModelTensorReshape": {"shape": "repeated int64 1"},
    "ModelTransactionPolicy": {"decoupled": "bool 1"},
    "ModelStatisticsResponse": {"model_stats": "repeated ModelStatistics 1"},
    "StatisticDuration": {"count": "uint64 1", "ns": "uint64 2"},
    "InferStatistics": {
        "success": "StatisticDuration 1",
        "fail": "StatisticDuration 2",
        "queue": "StatisticDuration 3",
        "compute_input": "StatisticDuration 4",
        "compute_infer": "StatisticDuration 5",
        "compute_output": "StatisticDuration 6",
        "cache_hit": "StatisticDuration 7",
        "cache_miss": "StatisticDuration 8",
    },
    "InferBatchStatistics": {
        "batch_size": "uint64 1",
        "compute_input": "StatisticDuration 2",
        "compute_infer": "StatisticDuration 3",
        "compute_output": "StatisticDuration 4",
    },
    "ModelStatistics": {
        "name": "string 1",
        "version": "string 2",
        "last_inference": "uint64 3",
        "inference_count": "uint64 4",
        "execution_count": "uint64 5",
        "inference_stats": "InferStatistics 6",
        "batch_stats": "repeated InferBatchStatistics 7",
    },
    "ModelRepositoryParameter": {
        "bool_param": "bool 1",
        "int64_param": "int64 2",
        "string_param": "string 3",
        "bytes_param": "bytes 4",
    },
    "RepositoryIndexRequest": {"repository_name": "string 1", "ready": "bool 2"},
    "RepositoryIndexResponse": {"models": "repeated ModelIndex 1"},
    "ModelIndex": {"name": "string 1", "version": "string 2", "state": "string 3", "reason": "string 4"},
    "RepositoryModelRequest": REPOSITORY,
    "HealthCheckRequest": {"service": "string 1"},
    "HealthCheckResponse": {"status": "int32 1"},
}
CHOICES = ("InferParameter", "ModelRepositoryParameter")  # of their fields one is set
ENUMS = {
    "DataType": {
        "TYPE_INVALID": 0,
        "TYPE_BOOL": 1,
        "TYPE_UINT8": 2,
        "TYPE_UINT16": 3,
        "TYPE_UINT32": 4,
        "TYPE_UINT64": 5,
        "TYPE_INT8": 6,
        "TYPE_INT16": 7,
        "TYPE_INT32": 8,
        "TYPE_INT64": 9,
        "TYPE_FP16": 10,
        "TYPE_FP32": 11,
        "TYPE_FP64": 12,
        "TYPE_STRING": 13,
        "TYPE_BF16": 14,
    },
    "Format": {"FORMAT_NONE": 0, "FORMAT_NHWC": 1, "FORMAT_NCHW": 2},
}


def _messages() -> Mapping[str, Any]:
    file = FileDescriptorProto(name="open_inference.proto", package=PACKAGE, syntax="proto3")
    for name, values in ENUMS.items():
        enum = file.enum_type.add(name=name)
        for value, number in values.items():
            enum.value.add(name=value, number=number)
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        if name in CHOICES:
            message.oneof_decl.add(name="parameter_choice")
        for field, form in fields.items():
            _add(message, field, form)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in FIELDS}


def _add(message: DescriptorProto, name: str, form: str) -> None:
    *before, kind, number = form.split()
    field = message.field.add(name=name, number=int(number), label=FieldDescriptorProto.LABEL_OPTIONAL)
    if before:
        field.label = FieldDescriptorProto.LABEL_REPEATED
    if before == ["map"]:  # on the wire a list of pairs
        entry = message.nested_type.add(name=f"{name.title()}Entry")
        entry.options.map_entry = True
        _add(entry, "key", "string 1")
        _add(entry, "value", f"{kind} 2")
        kind = f"{message.name}.{entry.name}"
    elif message.name in CHOICES:
        field.oneof_index = 0
    scalar = getattr(FieldDescriptorProto, f"TYPE_{kind.upper()}", None)
    if scalar is not None:
        field.type = scalar
    else:
        is_enum = kind in ENUMS
        field.type = FieldDescriptorProto.TYPE_ENUM if is_enum else FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{kind}"


MESSAGES = _messages()
"""The class of each message, by its name."""


def field_number(message: str, field: str) -> int:
    return int(FIELDS[message][field].rsplit(" ", 1)[1])
