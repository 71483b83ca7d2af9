"""The tensors of a manifest as a view of its model: an item is a batch of them, as the graph reads it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from app.errors import InferenceFailed, InvalidInput, PayloadTooLarge
from app.repository.manifest import Manifest
from app.tasks.contract import Contract
from app.tasks.kernel import Kernel
from app.tasks.refusals import refusal_of
from app.tasks.view import Prepared, View
from app.tensors import NUMPY_TYPES, Array, Tensors, TensorSpec

NAME = "raw"
FEW_BYTES = 1_000_000  # are copied in about 0.1 ms
FEW_TEXTS, FEW_CHARACTERS = 1000, 100_000  # are decoded in about 0.2 ms


class RawAnswer(NamedTuple):
    """The outputs of the graph, in the order of the manifest; `class_names` are those of the model."""

    tensors: Tensors
    class_names: Mapping[str, Sequence[str]]


class RawView(View[Kernel]):
    """Rows of a batch wait in the queue of typed items, and their answers are put together again."""

    contract = Contract(NAME, __qualname__, __doc__, Input=Tensors, Parameters=None, Output=RawAnswer, example={})

    def __init__(self, kernel: Kernel, manifest: Manifest, max_rows: int) -> None:
        super().__init__(kernel)
        self._manifest, self._max_rows = manifest, max_rows

    def is_quick(self, item: Tensors) -> bool:
        if sum(array.nbytes for array in item.values()) > FEW_BYTES:
            return False
        texts = [array for array in item.values() if array.dtype == np.object_]
        return not texts or (
            sum(array.size for array in texts) <= FEW_TEXTS
            and sum(len(one) for array in texts for one in array.flat) <= FEW_CHARACTERS
        )

    def preprocess(self, item: Tensors, parameters: None) -> Prepared:
        require_signature(item, self._manifest.inputs, may_be_empty=self.kernel.takes_any_tensors)
        num_rows = self.kernel.num_rows(item)
        if num_rows > self._max_rows:
            raise PayloadTooLarge(
                f"these are {num_rows} rows, and a request may have {self._max_rows}; send them in several requests"
            )
        return Prepared(self.kernel.rows_of(item))

    def located(self, error: InvalidInput, position: int) -> InvalidInput:
        """There is but one item, whose tensors are the inputs."""
        return error.under("inputs") if error.details else error

    def refused(self, error: InferenceFailed) -> Exception:
        return refusal_of(error, by_item=False)

    def answers_quickly(self, answers: Sequence[Tensors]) -> bool:
        return sum(array.nbytes for row in answers for array in row.values()) <= FEW_BYTES

    def postprocess(self, prepared: Prepared, answers: Sequence[Tensors], parameters: None) -> RawAnswer:
        try:
            outputs = self.kernel.batch_of(answers)
            tensors = {tensor.name: outputs[tensor.name] for tensor in self._manifest.outputs}
        except KeyError as error:
            raise InferenceFailed(f"the graph has no output {error}, though the manifest names it") from None
        except ValueError:
            raise InferenceFailed("the graph gave rows of different shapes, which make no tensor") from None
        return RawAnswer(tensors, self.kernel.class_names)


def form_of(view: View[Any], manifest: Manifest) -> str:
    """Return what tells the requests that this view of a version can answer from others."""
    if not (isinstance(view, RawView) or view.kernel.takes_any_tensors):
        return view.contract.title
    tensors = (tensor.model_dump_json() for tensor in (*manifest.inputs, *manifest.outputs))
    return f"{view.contract.title} {len(manifest.inputs)} {' '.join(tensors)}"


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
