"""From ModelInferRequest to the HTTP route that answers it, whose body is the same tensors after a head of JSON."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from pydantic_core import to_json

from app.api.grpc.inside import HttpQuestion, of_model
from app.api.grpc.messages import MESSAGES, field_number
from app.api.grpc.wire import NO_MESSAGE, require_few_inside
from app.api.media.json_text import JsonLimits
from app.api.v2 import paths
from app.api.v2.reading import HEADER_LENGTH, LENGTH, read
from app.api.v2.schemas import MOST_DIMENSIONS
from app.errors import InvalidInput, PayloadTooLarge, ServiceError
from app.tensors import NUMPY_TYPES

RAW = field_number("ModelInferRequest", "raw_input_contents")
OF_TENSORS = [field_number("ModelInferRequest", name) for name in ("inputs", "outputs")]
CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""The field that has the elements of a datatype, where they are not bytes of a tensor; FP16 and BF16 have none."""
EMPTY_FINAL = "triton_enable_empty_final_response"
OUR_OWN = ("binary_data", "binary_data_size", "binary_data_output")  # say where bytes are in HTTP; here it is clear
SHARED = "shared_memory_region"
TEXT_OUTPUT = "text_output"
QUICK_MESSAGE_BYTES = 20_000  # without tensors, which are read in a few milliseconds, whatever they are
TIMEOUT_US, LEAST_MS = "timeout", 1

Bytes = bytes | memoryview


class InferRequest:
    """A request, of which tensors that came as bytes are still where they arrived.

    Raises InvalidInput for what is no such message, and PayloadTooLarge if protobuf would have to read more of it than
    `limits` allow of JSON.
    """

    def __init__(self, rest: bytes, raw: Sequence[memoryview], limits: JsonLimits) -> None:
        """`raw` are its raw_input_contents, and `rest` is the message without them."""
        self._raw = raw
        if len(rest) > limits.max_bytes:
            raise PayloadTooLarge(
                f"{len(rest)} bytes of a request are not in raw_input_contents; it may have {limits.max_bytes} of these"
            )
        require_few_inside(rest, OF_TENSORS)
        try:
            self._asked: Any = MESSAGES["ModelInferRequest"].FromString(rest)
        except DecodeError:
            raise InvalidInput(NO_MESSAGE) from None
        self._limits = limits
        self.is_quick = len(rest) <= QUICK_MESSAGE_BYTES  # of the elements in it
        self.is_quick_text = len(rest) + sum(map(len, raw)) <= QUICK_MESSAGE_BYTES
        self.model: str = self._asked.model_name
        self.version: str = self._asked.model_version
        self.id: str = self._asked.id
        self._parameters = _values(self._asked.parameters)
        self.wants_empty_final = self._parameters.pop(EMPTY_FINAL, False) is True

    def of_tensors(self) -> HttpQuestion:
        """Ask for tensors. Raises InvalidInput without a model."""
        path = of_model(paths.VERSION_INFER if self.version else paths.INFER, self.model, self.version)
        try:
            head, contents = self._parts()
        except ServiceError as error:
            return HttpQuestion("POST", path, error)
        return HttpQuestion("POST", path, [head, *contents], [(HEADER_LENGTH.lower().encode(), b"%d" % len(head))])

    def of_text(self, *, streams: bool) -> HttpQuestion:
        """Ask for a text: each input is a property of the body, of one element. Raises InvalidInput without a model."""
        of_version = paths.VERSION_STREAM if streams else paths.VERSION_GENERATE
        of_newest = paths.STREAM if streams else paths.GENERATE
        path = of_model(of_version if self.version else of_newest, self.model, self.version)
        parameters = dict(self._parameters)
        timeout_us = parameters.pop(TIMEOUT_US, 0)
        headers = []
        if isinstance(timeout_us, int) and timeout_us > 0:
            headers.append((b"x-request-timeout-ms", b"%d" % max(LEAST_MS, timeout_us // 1000)))
        try:
            if others := [one.name for one in self._asked.outputs if one.name != TEXT_OUTPUT]:
                raise InvalidInput(f"the model has no such output; it has: {TEXT_OUTPUT}").under("outputs", others[0])
            body = to_json({**self._elements(), "parameters": parameters})
        except ServiceError as error:
            return HttpQuestion("POST", path, error)
        return HttpQuestion("POST", path, [body], headers)

    def _parts(self) -> tuple[bytes, list[Bytes]]:
        """The head of the body, and what follows it. Raises InvalidInput and PayloadTooLarge."""
        inputs = self._asked.inputs
        if self._raw and len(self._raw) != len(inputs):
            raise InvalidInput(
                f"raw_input_contents has the bytes of {len(self._raw)} tensors, and there are {len(inputs)} inputs"
            )
        for one in inputs:
            if len(one.shape) > MOST_DIMENSIONS:  # whose product would take long
                said = f"has {len(one.shape)} dimensions, and may have {MOST_DIMENSIONS}"
                raise InvalidInput(said).under("inputs", one.name)
        contents: list[Bytes] = [*self._raw] if self._raw else self._typed(inputs)
        if self._raw and (both := next((one.name for one in inputs if one.HasField("contents")), None)) is not None:
            raise InvalidInput("has contents, and bytes in raw_input_contents").under("inputs", both)
        head = {
            "id": self.id or None,
            "parameters": {**self._parameters, "binary_data_output": True},
            "inputs": [
                {
                    "name": one.name,
                    "datatype": one.datatype,
                    "shape": list(one.shape),
                    "parameters": {**_values(one.parameters), "binary_data_size": len(content)},
                }
                for one, content in zip(inputs, contents, strict=True)
            ],
            "outputs": [{"name": one.name, "parameters": _values(one.parameters)} for one in self._asked.outputs],
        }
        return to_json(head), contents

    def _typed(self, inputs: Sequence[Any]) -> list[Bytes]:
        number = sum(len(values) for one in inputs for _, values in one.contents.ListFields())
        if number > self._limits.max_values:
            raise PayloadTooLarge(
                f"{number} elements in contents; a request may have {self._limits.max_values}, and more as bytes in "
                "raw_input_contents"
            )
        return [_bytes_of(one) for one in inputs]

    def _elements(self) -> dict[str, Any]:
        head, contents = self._parts()
        tensors = read(b"".join([head, *contents]), str(len(head)), (), self._limits).inputs
        for name, tensor in tensors.items():
            if tensor.size != 1:
                raise InvalidInput(f"must be one element, and has {tensor.size}").under("inputs", name)
        return {name: _element(name, tensor.item()) for name, tensor in tensors.items()}


def _element(name: str, value: Any) -> Any:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"is no UTF-8: {error.reason} at byte {error.start}").under("inputs", name) from None


def _values(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as JSON has them."""
    chosen = ((name, one, one.WhichOneof("parameter_choice")) for name, one in parameters.items())
    return {name: getattr(one, field) for name, one, field in chosen if field is not None and name not in OUR_OWN}


def _bytes_of(one: Any) -> bytes:
    """The elements of an input as the bytes of its tensor. Raises InvalidInput."""
    if SHARED in one.parameters:
        raise InvalidInput("there is no shared memory; tensors are sent in messages").under("inputs", one.name)
    field = CONTENTS.get(one.datatype)
    fields = {known.name: values for known, values in one.contents.ListFields()}
    if others := fields.keys() - {field}:
        there = f"stands in {field}" if field else "stands in raw_input_contents alone"
        raise InvalidInput(f"{one.datatype:.40} {there}, not in {min(others)}").under("inputs", one.name)
    values: Sequence[Any] = fields.get(field, ()) if field else ()
    sizes = list(one.shape)
    if len(values) != prod(sizes):
        said = f"contents has {len(values)} elements; shape {sizes} needs {prod(sizes)}"
        raise InvalidInput(said).under("inputs", one.name)
    if one.datatype == "BYTES":
        return b"".join(piece for value in values for piece in (LENGTH.pack(len(value)), value))
    if field is None:  # nothing is in it, or it is no datatype, which is told where all are read
        return b""
    kind = NUMPY_TYPES[one.datatype].newbyteorder("<")
    try:
        return np.fromiter(values, kind, len(values)).tobytes()
    except OverflowError as error:
        raise InvalidInput(f"{one.datatype} cannot hold it: {error}").under("inputs", one.name) from None
