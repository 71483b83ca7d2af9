"""Do tensors fit a model? Names, element types and shapes, before anything is queued."""

from collections.abc import Sequence

from app.errors import InvalidInput
from app.tensors import NUMPY_TYPES, Array, Tensors, TensorSpec


def require_signature(inputs: Tensors, specs: Sequence[TensorSpec], *, may_be_empty: bool) -> None:
    """Raises InvalidInput, whose details begin with the name of the input, unless `inputs` are what `specs` say.

    Dimensions of -1 may be of any size, 0 only if they `may_be_empty`.
    """
    known = {spec.name: spec for spec in specs}
    for name in inputs.keys() - known.keys():
        raise InvalidInput(f"the model has no such input; it has: {', '.join(known)}").under(name)
    for name in known.keys() - inputs.keys():
        raise InvalidInput("this input is missing").under(name)
    for name, spec in known.items():
        if fault := _fault(inputs[name], spec, may_be_empty):
            raise InvalidInput(fault).under(name)


def _fault(array: Array, spec: TensorSpec, may_be_empty: bool) -> str | None:
    if array.dtype != NUMPY_TYPES[spec.datatype]:
        return f"must be {spec.datatype}, not {array.dtype}"
    shape = list(array.shape)
    if len(shape) != len(spec.shape) or any(
        size != wanted and wanted >= 0 for size, wanted in zip(shape, spec.shape, strict=True)
    ):
        return f"must have shape {list(spec.shape)}, where -1 is any size; it has {shape}"
    if not may_be_empty and any(size == 0 and wanted < 0 for size, wanted in zip(shape, spec.shape, strict=True)):
        return f"is empty: its shape is {shape}"
    return None
