"""Serve any graph as it is: tensors in, tensors out, written as nested lists."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from math import prod
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, PlainSerializer, RootModel, model_validator
from pydantic_core import to_json

from app.errors import InvalidInput
from app.tasks.base import Prepared, Task
from app.tasks.json_pieces import array_of, object_of
from app.tasks.schema import Schema
from app.tensors import NUMPY_TYPES, Array, Datatype, Session, Tensors, TensorSpec

# JSON has no numbers for these. The texts are those of protobuf's JSON mapping; Python and numpy read them, too.
NOT_FINITE = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}

PIECE = 20_000  # elements, which are written in about ten milliseconds
MOST_DIMENSIONS = 64  # of numpy's arrays

# What the elements of a nested list may be, by the kind of the tensor's numpy type. bool is no number here.
ELEMENTS: dict[str, tuple[set[type], str]] = {
    "b": ({bool}, "true or false"),
    "i": ({int}, "integers"),
    "u": ({int}, "integers"),
    "f": ({int, float, str}, 'numbers, or "NaN", "Infinity", "-Infinity"'),
    "O": ({str}, "texts"),
}

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


class RawTensors(Task):
    """Run the graph on tensors written as nested lists; the names and shapes are those of the model."""

    name = "tensors"
    Config, Input, Parameters, Output = RawTensorsConfig, TensorsInput, RawTensorsParameters, TensorsOutput
    # Names depend on the model, so this shows the form only; a published model's first golden example can be run.
    example: ClassVar[dict[str, Any]] = {"x": [1.0, 2.0, 3.0]}
    takes_tensors = True

    def __init__(self, config: RawTensorsConfig, files: Mapping[str, Path]) -> None:
        self._batched = config.batched
        self._probe = config.probe
        self._probe_size = config.probe_size
        self._probe_shapes = config.probe_shapes
        self._example = read_arrays(files[EXAMPLE]) if config.probe == "example" else None
        self.class_names = config.class_names
        first = 1 if config.batched else 0
        self._shapes = {tensor.name: tensor.shape[first:] for tensor in config.inputs}
        self._datatypes = {tensor.name: tensor.datatype for tensor in config.inputs}

    def preprocess(self, item: TensorsInput, parameters: RawTensorsParameters) -> Prepared:
        given = item.root
        for name in given.keys() - self._shapes.keys():
            raise InvalidInput(f"the model has no such input; it has: {', '.join(self._shapes)}").under(name)
        for name in self._shapes.keys() - given.keys():
            raise InvalidInput("this input is missing").under(name)
        return Prepared([{name: self._read(name, given[name]) for name in self._shapes}])

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: RawTensorsParameters
    ) -> TensorsOutput:
        return TensorsOutput.model_construct(answers[0])

    @classmethod
    def written(cls, output: TensorsOutput) -> Iterator[bytes]:
        return object_of(chain([to_json(name), b":"], json_of(array)) for name, array in output.root.items())

    def group(self, row: Tensors) -> Hashable:
        return tuple(row[name].shape for name in self._shapes)

    def length(self, row: Tensors) -> int:
        """How many times as large as the probe a row is, as a power of two: what is larger should take longer."""
        size, probe = sum(array.size for array in row.values()), sum(map(prod, map(self._probe_shape, self._shapes)))
        return 1 << (-(-size // max(1, probe)) - 1).bit_length() if size else 1

    def probe(self, length: int) -> Tensors | None:
        """Ones are valid token ids, mask nothing, and divide anything; a graph that refuses them may take zeros."""
        if self._probe == "none" or self._probe == "example":
            return self._example
        return {name: filled(self._datatypes[name], self._probe_shape(name), self._probe) for name in self._shapes}

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
        sizes = [self._probe_size if size < 0 else size for size in self._shapes[name]]
        return self._probe_shapes.get(name, sizes)

    def _read(self, name: str, value: Any) -> Array:
        try:
            array = value if isinstance(value, np.ndarray) else from_lists(value, self._datatypes[name])
            return self._checked(_completed(array, self._shapes[name]), name)
        except InvalidInput as error:
            raise error.under(name) from None

    def _checked(self, array: Array, name: str) -> Array:
        shape, datatype = self._shapes[name], self._datatypes[name]
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
    return RawTensors(config.model_copy(update={"probe": known}), {}).probe(1) or {}


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


def from_lists(value: Any, datatype: Datatype) -> Array:
    """An array of nested lists. Raises InvalidInput if they are ragged or hold what the type cannot."""
    kind = NUMPY_TYPES[datatype]
    elements, shape = _flattened(value)
    if len(shape) > MOST_DIMENSIONS:
        raise InvalidInput(f"is nested {len(shape)} deep; a tensor has at most {MOST_DIMENSIONS} dimensions")
    types, allowed = ELEMENTS[kind.kind]
    wrong = next((one for one in elements if type(one) not in types), None)
    if wrong is not None or None in elements:
        raise InvalidInput(f"must be {datatype}: {allowed}; it holds {wrong!r:.40}")
    if kind.kind in "iu":
        limits = np.iinfo(kind.name)
        outside = next((one for one in elements if not limits.min <= one <= limits.max), None)
        if outside is not None:
            raise InvalidInput(f"holds {outside!s:.40}, and {datatype} goes from {limits.min} to {limits.max}")
    if kind.kind == "f":
        return _floats(elements, datatype).reshape(shape)
    return np.array(elements, kind).reshape(shape)


def as_lists(array: Array) -> Any:
    """Nested lists of Python values, or one value of an array without dimensions."""
    array = np.asarray(array)
    if array.dtype == np.object_:
        return as_text(array).tolist()
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return array.tolist()
    written = array.astype(np.object_)
    written[np.isnan(array)], written[np.isposinf(array)], written[np.isneginf(array)] = NOT_FINITE
    return written.tolist()


def json_of(array: Array) -> Iterator[bytes]:
    """`as_lists` as JSON, in pieces of at most PIECE elements: lists of millions would keep everyone waiting."""
    if array.size <= PIECE:
        yield to_json(as_lists(array))
        return
    step = PIECE // (array.size // len(array))
    if not step:
        parts: Iterable[Iterable[bytes]] = map(json_of, array)
    else:
        blocks = (array[start : start + step] for start in range(0, len(array), step))
        parts = ([to_json(as_lists(block))[1:-1]] for block in blocks)
    yield from array_of(parts)


def as_text(array: Array) -> Array:
    """Return texts of texts or UTF-8 bytes. Raises InvalidInput for what is neither, with its indices in `array`."""
    texts: list[str] = []
    for one in array.ravel().tolist():
        try:
            text = one.decode() if isinstance(one, bytes) else one
            if not text.isascii() and text is one:  # what was decoded can be encoded, and a copy of it may be large
                text.encode()
        except (UnicodeError, AttributeError):
            place = [int(index) for index in np.unravel_index(len(texts), array.shape)]
            raise InvalidInput(f"must be valid Unicode texts; it holds {one!r:.40}").under(*place) from None
        texts.append(text)
    return np.array(texts, np.object_).reshape(array.shape)


def _flattened(value: Any) -> tuple[list[Any], list[int]]:
    """Elements of nested lists, and the shape; raises InvalidInput if that is not regular."""
    level, shape = [value], []
    while level and isinstance(level[0], list | tuple):
        lengths = {len(one) if isinstance(one, list | tuple) else -1 for one in level}
        if len(lengths) > 1:
            raise InvalidInput("the nested lists are ragged: those at the same depth must have the same length")
        shape.append(lengths.pop())
        level = list(chain.from_iterable(level))
    if any(isinstance(one, list | tuple) for one in level):
        raise InvalidInput("the nested lists are ragged: some elements are lists and some are not")
    return level, shape


def _floats(elements: list[Any], datatype: Datatype) -> Array:
    unknown = next((one for one in elements if isinstance(one, str) and one not in NOT_FINITE), None)
    if unknown is not None:
        raise InvalidInput(f"must be {datatype}: {ELEMENTS['f'][1]}; it holds {unknown!r:.40}")
    values = [NOT_FINITE[one] if isinstance(one, str) else one for one in elements]
    try:
        exact = np.array(values, np.float64)
    except OverflowError:  # an integer of more than 308 digits
        raise InvalidInput(f"holds a number that is too large for {datatype}") from None
    with np.errstate(over="ignore"):
        found = exact.astype(NUMPY_TYPES[datatype])
    lost = np.isinf(found) & np.isfinite(exact)
    if lost.any():
        raise InvalidInput(f"holds {exact[lost][0]:g}, which is too large for {datatype}")
    return found


def _written(shape: Sequence[int]) -> str:
    return f"[{', '.join('any' if size < 0 else str(size) for size in shape)}]"
