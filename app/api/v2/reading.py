"""From the bytes of a request to tensors.

JSON comes first. Tensors may follow it as they lie in memory: little-endian, row-major, one after another, BYTES with
four bytes of length before each element (Triton's binary tensor data extension). Header HEADER_LENGTH tells where the
JSON ends; 0 means that there is none, and that all is the one input of the model.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from app.api.errors import validated
from app.api.http.aside import QUICK_BYTES
from app.api.media.json_text import JsonLimits, read_json
from app.api.v2.schemas import InferenceRequest, InputTensor
from app.errors import InvalidInput, PayloadTooLarge
from app.tasks.nested_lists import from_lists
from app.tensors import NUMPY_TYPES, Array, Datatype, Tensors, TensorSpec

HEADER_LENGTH = "Inference-Header-Content-Length"
MOST_DIGITS = 18  # of it: what fits into 64 bits
DEFAULT_LIMITS = JsonLimits()
LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class OutputForm:
    """The form in which one output is wanted."""

    name: str
    is_binary: bool
    num_classes: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it was read; `outputs` is None if it leaves them to us."""

    inputs: Tensors
    outputs: list[OutputForm] | None = None
    is_binary: bool = False
    id: str | None = None
    timeout_us: int = 0
    priority: int = 0


def read(
    body: bytes, header_length: str | None, specs: Sequence[TensorSpec], limits: JsonLimits = DEFAULT_LIMITS
) -> Asked:
    """Read a request. `specs` are the model's inputs, which a request without JSON says nothing of.

    Names, types and shapes are as the request says: whether they are the model's is not looked at here.
    Raises InvalidInput for what contradicts itself; nothing larger than the body is allocated for it. Raises
    PayloadTooLarge for more values than `limits` allow, in the JSON or as elements of BYTES behind it.
    """
    length = json_length(body, header_length)
    if header_length is not None and not length:
        if specs[0].datatype == "BYTES":
            _require_few_texts(1, len(body), limits)
        return Asked({specs[0].name: _raw_tensor(body, specs)}, is_binary=True)
    request = _parse(body if header_length is None else body[:length], limits)
    outputs = [
        OutputForm(
            one.name,
            request.parameters.binary_data_output if one.parameters.binary_data is None else one.parameters.binary_data,
            one.parameters.classification,
        )
        for one in request.outputs
    ]
    if len({one.name for one in outputs}) < len(outputs):
        raise InvalidInput("an output is asked for more than once").under("outputs")
    return Asked(
        _tensors(request.inputs, memoryview(body)[length:], limits),
        outputs or None,
        request.parameters.binary_data_output,
        request.id,
        request.parameters.timeout,
        request.parameters.priority,
    )


def json_length(body: bytes, header_length: str | None) -> int:
    """Bytes of JSON at the start of `body`. Raises InvalidInput if the header makes no sense."""
    if header_length is None:
        return len(body)
    if not (header_length.isascii() and header_length.isdecimal() and len(header_length) <= MOST_DIGITS):
        raise InvalidInput(f"{HEADER_LENGTH}: must be a number of bytes, not {header_length!r:.40}")
    if int(header_length) > len(body):
        raise InvalidInput(f"{HEADER_LENGTH} is {header_length}, and the body has {len(body)} bytes")
    return int(header_length)


def is_quick(body: bytes, header_length: str | None) -> bool:
    """Whether `read` takes less than handing it to another thread would."""
    if len(body) <= QUICK_BYTES:
        return True
    length = json_length(body, header_length)
    return length <= QUICK_BYTES and b"BYTES" not in body[:length]


def require_outputs(asked: Asked, specs: Sequence[TensorSpec]) -> None:
    """Raises InvalidInput if outputs are asked for that are not among the model's, `specs`."""
    known = {spec.name: spec for spec in specs}
    for one in asked.outputs or []:
        if one.name not in known:
            raise InvalidInput(f"the model has no such output; it has: {', '.join(known)}").under("outputs", one.name)
        if one.num_classes and known[one.name].datatype in ("BYTES", "BOOL"):
            raise InvalidInput("only numbers can be classified").under("outputs", one.name)


def _parse(text: bytes, limits: JsonLimits) -> InferenceRequest:
    hint = f"; if tensors follow the JSON, header {HEADER_LENGTH} must say how many bytes of JSON there are"
    return validated(InferenceRequest, read_json(text, limits, hint=hint))


def _require_few_texts(count: int, size: int, limits: JsonLimits) -> None:
    """Raises PayloadTooLarge for more texts, or bytes of them, than JSON may have: each becomes an object."""
    if count > limits.max_values:
        raise PayloadTooLarge(f"{count} elements of BYTES; a request may have {limits.max_values}")
    if size > limits.max_bytes:
        raise PayloadTooLarge(f"{size} bytes of BYTES; a request may have {limits.max_bytes}")


def _tensors(inputs: Sequence[InputTensor], binary: memoryview, limits: JsonLimits) -> Tensors:
    texts = [one for one in inputs if one.datatype == "BYTES" and one.parameters.binary_data_size is not None]
    num_texts = sum(prod(one.shape) for one in texts)
    # A number that the bytes have no room for is a contradiction, which is told later.
    if num_texts <= len(binary) // LENGTH.size:
        _require_few_texts(num_texts, sum(one.parameters.binary_data_size or 0 for one in texts), limits)
    tensors: Tensors = {}
    position = 0
    for one in inputs:
        if one.name in tensors:
            raise InvalidInput("this input is given twice").under("inputs", one.name)
        size = one.parameters.binary_data_size
        try:
            if size is None:
                tensors[one.name] = _listed_tensor(one)
            elif position + size > len(binary):
                raise InvalidInput(f"should have {size} bytes, and the body has {len(binary) - position} left for it")
            else:
                tensors[one.name] = _binary_tensor(one, binary[position : position + size])
                position += size
        except InvalidInput as error:
            raise error.under("inputs", one.name) from None
    if position < len(binary):
        raise InvalidInput(f"{len(binary) - position} bytes follow the last tensor")
    return tensors


def _listed_tensor(one: InputTensor) -> Array:
    if one.data is None:
        raise InvalidInput("has neither data nor binary_data_size")
    datatype = _datatype(one.datatype)
    if isinstance(one.data, list):  # looking at every element comes later: there may be millions
        is_nested = bool(one.data) and isinstance(one.data[0], list)
        expected = next(iter(one.shape), 1) if is_nested else prod(one.shape)
        if len(one.data) != expected:
            raise InvalidInput(f"data is a list of {len(one.data)}; shape {one.shape} needs {expected}")
    array = from_lists(one.data, datatype)
    if array.ndim > 1 and list(array.shape) != one.shape[: None if array.size else array.ndim]:
        raise InvalidInput(f"data has shape {list(array.shape)}, and should have {one.shape}, or be flat")
    if array.size != prod(one.shape):
        raise InvalidInput(f"data has {array.size} elements; shape {one.shape} needs {prod(one.shape)}")
    return _shaped(array, one.shape)


def _binary_tensor(one: InputTensor, content: memoryview) -> Array:
    if one.data is not None:
        raise InvalidInput("has both data and binary_data_size")
    datatype = _datatype(one.datatype)
    if datatype == "BYTES":
        return _shaped(_split(content, prod(one.shape)), one.shape)
    expected = prod(one.shape) * NUMPY_TYPES[datatype].itemsize
    if len(content) != expected:
        raise InvalidInput(f"has {len(content)} bytes; {datatype} of shape {one.shape} has {expected}")
    return _shaped(_numbers(content, datatype), one.shape)


def _raw_tensor(body: bytes, specs: Sequence[TensorSpec]) -> Array:
    """The only input, from its bytes alone: one row, and at most one more dimension may vary."""
    if len(specs) != 1:
        raise InvalidInput(f"the model has {len(specs)} inputs, so the body must begin with JSON that names them")
    (spec,) = specs
    if spec.datatype == "BYTES":
        array = np.array([body], np.object_)
    elif len(body) % NUMPY_TYPES[spec.datatype].itemsize:
        raise InvalidInput(f"{len(body)} bytes are no whole number of {spec.datatype}").under("inputs", spec.name)
    else:
        array = _numbers(memoryview(body), spec.datatype)
    shape = list(spec.shape)
    varying = [i for i, size in enumerate(shape) if size < 0]
    if len(varying) > 1:
        shape[varying.pop(0)] = 1
    if len(varying) > 1:
        raise InvalidInput(f"shape {list(spec.shape)} varies too much to be known from the bytes alone; send JSON")
    rest = prod(size for size in shape if size >= 0)
    if varying and rest and not array.size % rest:
        shape[varying[0]] = array.size // rest
    if prod(shape) != array.size:
        raise InvalidInput(f"{array.size} elements do not fill shape {list(spec.shape)}").under("inputs", spec.name)
    return array.reshape(shape)


def _datatype(name: str) -> Datatype:
    if name == "BF16":
        raise InvalidInput("BF16 is not supported, as no model here has such a tensor; the metadata says what it has")
    if name not in NUMPY_TYPES:
        raise InvalidInput(f"{name!r:.40} is no datatype; there are: {', '.join(NUMPY_TYPES)}")
    return name  # type: ignore[return-value]


def _shaped(array: Array, shape: list[int]) -> Array:
    try:
        return array.reshape(shape)
    except (ValueError, OverflowError):  # nothing in it, and sizes that no array can have
        raise InvalidInput(f"no tensor has shape {shape}") from None


def _numbers(content: memoryview, datatype: Datatype) -> Array:
    kind = NUMPY_TYPES[datatype]
    if datatype == "BOOL":
        digits = np.frombuffer(content, np.uint8)
        if digits.size and digits.max() > 1:
            raise InvalidInput(f"must be BOOL: bytes of 0 or 1; it holds {digits.max()}")
        return digits.view(np.bool_)
    return np.frombuffer(content, kind.newbyteorder("<")).astype(kind, copy=False)


def _split(content: memoryview, count: int) -> Array:
    """`count` elements of BYTES."""
    if count * LENGTH.size > len(content):
        raise InvalidInput(f"has {len(content)} bytes; {count} elements of BYTES have at least {count * LENGTH.size}")
    elements, position = [], 0
    for i in range(count):
        start = position + LENGTH.size
        if start > len(content):
            raise InvalidInput(f"ends in the length of element {i}")
        position = start + LENGTH.unpack_from(content, start - LENGTH.size)[0]
        if position > len(content):
            raise InvalidInput(f"ends in element {i}")
        elements.append(bytes(content[start:position]))
    if position < len(content):
        raise InvalidInput(f"has {len(content) - position} bytes after its {count} elements")
    array = np.empty(count, np.object_)
    array[:] = elements
    return array
