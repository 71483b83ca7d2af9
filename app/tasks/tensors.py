"""Serve any graph as it is: tensors in, tensors out, written as nested lists."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import chain
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, PlainSerializer, RootModel, model_validator
from pydantic_core import to_json

from app.errors import InferenceFailed, InvalidInput
from app.tasks.contract import Contract
from app.tasks.json_pieces import object_of
from app.tasks.kernel import Kernel
from app.tasks.nested_lists import as_lists, as_text, from_lists, json_of
from app.tasks.refusals import refusal_of
from app.tasks.schema import Schema
from app.tasks.view import Prepared, View
from app.tensors import NUMPY_TYPES, Array, Datatype, Session, Tensors, TensorSpec

Filling = Literal["ones", "zeros"]
Probe = Literal["ones", "zeros", "example", "none"]
FILLINGS: dict[Filling, int] = {"ones": 1, "zeros": 0}
EXAMPLE = "example.npz"
"""The file of a version that holds the tensors of one row, where neither ones nor zeros will do."""


class RawTensorsConfig(Schema):
    """The graph's tensors.

    If `batched`, the first dimension of each counts independent rows and is no part of an item. If not, an
    item is all that the graph reads, and items are answered one at a time.
    """

    inputs: Annotated[list[TensorSpec], Field(min_length=1)]
    outputs: Annotated[list[TensorSpec], Field(min_length=1)]
    batched: bool
    proof: Annotated[int, Field(ge=0, description="number of the proof that its rows are independent")] = 0
    probe: Annotated[Probe, Field(description="what the row to measure with is full of")] = "ones"
    probe_size: Annotated[int, Field(ge=1, description="size of its varying dimensions")] = 1
    probe_shapes: dict[str, tuple[int, ...]] = Field(default_factory=dict, description="its shapes, if sizes differ")
    class_names: dict[str, list[str]] = Field(default_factory=dict, description="of an output's last dimension")

    @model_validator(mode="after")
    def _first_dimension_counts_rows(self) -> Self:
        for tensor in [*self.inputs, *self.outputs]:
            if self.batched and tensor.shape[:1] != (-1,):
                raise ValueError(f"{tensor.name} has shape {list(tensor.shape)}: a batched tensor's begins with -1")
        return self


class TensorsInput(RootModel[dict[str, Any]]):
    """One value for each input of the graph: a nested list, a number, or an array."""


class RawTensorsParameters(Schema):
    """There are none."""


class TensorsOutput(RootModel[dict[str, Annotated[Any, PlainSerializer(lambda array: as_lists(array))]]]):
    """One nested list for each output. Numbers that are not finite are written "NaN", "Infinity", "-Infinity"."""


class TensorsKernel(Kernel):
    """Its rows are what the graph reads, of whatever sizes."""

    Config = RawTensorsConfig
    takes_any_tensors = True

    def __init__(self, config: RawTensorsConfig, files: Mapping[str, Path]) -> None:
        self._batched = config.batched
        self._probe = config.probe
        self._probe_size = config.probe_size
        self._probe_shapes = config.probe_shapes
        self._example = read_arrays(files[EXAMPLE]) if config.probe == "example" else None
        self.class_names = config.class_names
        first = 1 if config.batched else 0
        self.shapes = {tensor.name: tensor.shape[first:] for tensor in config.inputs}
        self.datatypes = {tensor.name: tensor.datatype for tensor in config.inputs}

    def group(self, row: Tensors) -> Hashable:
        return tuple(row[name].shape for name in self.shapes)

    def length(self, row: Tensors) -> int:
        """Return how many times the probe's size a row has, as a power of two: a larger row should take longer."""
        size, probe = sum(array.size for array in row.values()), sum(map(prod, map(self._probe_shape, self.shapes)))
        return 1 << (-(-size // max(1, probe)) - 1).bit_length() if size else 1

    def probe(self, length: int) -> Tensors | None:
        """Ones are valid token ids, mask nothing, and divide anything; a graph that refuses them may take zeros."""
        if self._probe == "none" or self._probe == "example":
            return self._example
        return {name: filled(self.datatypes[name], self._probe_shape(name), self._probe) for name in self.shapes}

    def collate(self, rows: Sequence[Tensors]) -> Tensors:
        return super().collate(rows) if self._batched else rows[0]

    def num_rows(self, batch: Tensors) -> int:
        if not self._batched:
            return 1
        for name, array in batch.items():
            if not len(array):
                raise InvalidInput(f"is empty: its shape is {list(array.shape)}, and the first counts rows").under(name)
        return super().num_rows(batch)

    def rows_of(self, batch: Tensors) -> list[Tensors]:
        for name, array in batch.items():
            if array.dtype == np.object_:
                try:
                    batch = {**batch, name: as_text(array)}
                except InvalidInput as error:
                    raise error.under(name) from None
        # Nothing will collate a row of its own, and an array over the bytes of a request is neither aligned nor ours.
        return super().rows_of(batch) if self._batched else [{name: np.array(batch[name]) for name in batch}]

    def batch_of(self, rows: Sequence[Tensors]) -> Tensors:
        return super().batch_of(rows) if self._batched else dict(rows[0])

    def run(self, sessions: Mapping[str, Session], rows: Sequence[Tensors]) -> list[Tensors]:
        if self._batched:
            return super().run(sessions, rows)
        return [self.forward(sessions, row) for row in rows]

    def _probe_shape(self, name: str) -> Sequence[int]:
        sizes = [self._probe_size if size < 0 else size for size in self.shapes[name]]
        return self._probe_shapes.get(name, sizes)


def _written_output(output: TensorsOutput) -> Iterator[bytes]:
    return object_of(chain([to_json(name), b":"], json_of(array)) for name, array in output.root.items())


class RawTensors(View[TensorsKernel]):
    """Run the graph on tensors written as nested lists; the names and shapes are those of the model."""

    contract = Contract(
        "tensors",
        __qualname__,
        __doc__,
        Input=TensorsInput,
        Parameters=RawTensorsParameters,
        Output=TensorsOutput,
        # Names depend on the model, so this shows the form only; a published model's first golden example can be run.
        example={"x": [1.0, 2.0, 3.0]},
        write=_written_output,
    )

    def preprocess(self, item: TensorsInput, parameters: RawTensorsParameters) -> Prepared:
        given, shapes = item.root, self.kernel.shapes
        for name in given.keys() - shapes.keys():
            raise InvalidInput(f"the model has no such input; it has: {', '.join(shapes)}").under(name)
        for name in shapes.keys() - given.keys():
            raise InvalidInput("this input is missing").under(name)
        return Prepared([{name: self._read(name, given[name]) for name in shapes}])

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: RawTensorsParameters
    ) -> TensorsOutput:
        return TensorsOutput.model_construct(answers[0])

    def refused(self, error: InferenceFailed) -> Exception:
        return refusal_of(error, by_item=True)

    def _read(self, name: str, value: Any) -> Array:
        try:
            array = value if isinstance(value, np.ndarray) else from_lists(value, self.kernel.datatypes[name])
            return self._checked(_completed(array, self.kernel.shapes[name]), name)
        except InvalidInput as error:
            raise error.under(name) from None

    def _checked(self, array: Array, name: str) -> Array:
        shape, datatype = self.kernel.shapes[name], self.kernel.datatypes[name]
        if array.dtype != NUMPY_TYPES[datatype]:
            raise InvalidInput(f"must be {datatype}, not an array of {array.dtype}")
        if array.ndim != len(shape):
            raise InvalidInput(
                f"must have {len(shape)} dimensions, shape {_written(shape)}; it has {array.ndim}, {list(array.shape)}"
            )
        if any(size != wanted and wanted >= 0 for size, wanted in zip(array.shape, shape, strict=True)):
            raise InvalidInput(f"must have shape {_written(shape)}; it has {list(array.shape)}")
        return as_text(array) if datatype == "BYTES" else array


def example_item(config: RawTensorsConfig) -> Tensors:
    """Return an item of the sizes with which the graph is measured."""
    known = config.probe if config.probe in FILLINGS else "ones"
    return TensorsKernel(config.model_copy(update={"probe": known}), {}).probe(1) or {}


def read_arrays(path: Path) -> Tensors:
    """Return the arrays of a .npz file, texts as objects. Raises ValueError if it is not one, or holds pickles."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: np.asarray(file[name]) for name in file.files}
    return {name: array.astype(np.object_) if array.dtype.kind == "U" else array for name, array in arrays.items()}


def filled(datatype: Datatype, shape: Sequence[int], filling: Filling) -> Array:
    value, kind = FILLINGS[filling], NUMPY_TYPES[datatype]
    return np.full(shape, str(value), kind) if kind == np.object_ else np.full(shape, value, kind)


def _completed(array: Array, shape: Sequence[int]) -> Array:
    """Lists end where a size is 0: [] is also a tensor of shape [0, 4]. The sizes behind it are those of `shape`."""
    missing = shape[array.ndim :]
    return array.reshape(*array.shape, *(max(size, 0) for size in missing)) if array.size == 0 and missing else array


def _written(shape: Sequence[int]) -> str:
    return f"[{', '.join('any' if size < 0 else str(size) for size in shape)}]"
