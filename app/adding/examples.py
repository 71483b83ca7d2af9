"""Inputs that are known to be valid: given by whoever adds a graph, or found; and the golden example made of them."""

from collections.abc import Iterable
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from app.adding.graph import Graph
from app.adding.sizes import Sizes
from app.errors import InvalidInput
from app.repository.golden import difference
from app.repository.manifest import Golden
from app.tasks.nested_lists import as_lists
from app.tasks.tensors import RawTensors, RawTensorsParameters, TensorsInput, read_arrays
from app.tasks.view import predict_alone, to_json
from app.tensors import NUMPY_TYPES, Array, Session, Tensors

MAX_GOLDEN_NUMBERS = 10_000  # a manifest and a page of documentation hold them
ROUNDING = 1e-4  # of the largest number


def read_example(path: Path) -> Tensors:
    """Raises InvalidInput if the file is not one of arrays by name, as `numpy.savez` writes it."""
    try:
        return read_arrays(path)
    except (OSError, ValueError, EOFError) as error:
        raise InvalidInput(f"--example {path}: is no .npz file of arrays: {error}") from error


def write_example(path: Path, row: Tensors) -> None:
    """Write what `read_arrays` reads; `numpy.savez` cannot write an array that is called "file"."""
    with ZipFile(path, "w") as archive:
        for name, array in row.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array.astype(np.str_) if array.dtype == np.object_ else array)


def inputs_of(graph: Graph, given: Sizes, example: Tensors) -> tuple[dict[str, int], Tensors]:
    """Return the sizes of varying dimensions in an example, and its arrays in the types of the graph.

    Raises InvalidInput if it does not fit the signature.
    """
    names = [one.name for one in graph.signature.inputs]
    if {*names} != {*example}:
        raise InvalidInput(f"--example: it has {', '.join(example) or 'nothing'}; the graph reads {', '.join(names)}")
    sizes, inputs = dict(given), {}
    for one in graph.signature.inputs:
        array = inputs[one.name] = _cast(one.name, example[one.name], NUMPY_TYPES[one.datatype])
        shape = graph.dimensions.inputs[one.name]
        if array.ndim != len(shape):
            raise InvalidInput(f"--example: {one.name} has {array.ndim} dimensions, and should have {len(shape)}")
        for axis, (size, declared) in enumerate(zip(array.shape, shape, strict=True)):
            wanted = declared if isinstance(declared, int) else sizes.setdefault(declared, size)
            if size != wanted:
                raise InvalidInput(f"--example: dimension {axis} of {one.name} is {size}, and should be {wanted}")
    return sizes, inputs


def _cast(name: str, array: Array, kind: np.dtype[np.generic]) -> Array:
    found = array.astype(kind) if np.can_cast(array.dtype, kind, "same_kind") else array
    if found.dtype != kind or (kind.kind in "iu" and not np.array_equal(found, array)):
        raise InvalidInput(f"--example: {name} is an array of {array.dtype}, and should be one of {kind}")
    return found


def tolerance_of(numbers: Iterable[float]) -> float:
    """Return by how much numbers of an answer may differ on another processor."""
    return ROUNDING * max([1.0, *map(abs, numbers)])


def golden_example(
    view: RawTensors, session: Session, row: Tensors | None, fault: str
) -> tuple[tuple[Golden, ...], tuple[str, ...]]:
    """Return the answer to a row as a golden example; or none, and in words why not.

    `fault` is what the graph has against the rows that were tried, if none is known that it answers.
    """
    if row is None:
        return (), (f"Has no golden example: it answers neither ones nor zeros ({fault}), and none was given.",)
    item = TensorsInput({name: as_lists(array) for name, array in row.items()})
    first, second = (predict_alone(view, {"model": session}, item, RawTensorsParameters()) for _ in range(2))
    arrays = [*row.values(), *(np.asarray(value) for value in first.root.values())]
    count = sum(array.size for array in arrays)
    if count > MAX_GOLDEN_NUMBERS:
        return (), (f"Has no golden example: it would be {count} numbers.",)
    numbers = [array[np.isfinite(array)] for array in arrays if array.dtype.kind in "fiu"]
    tolerance = tolerance_of([float(np.abs(array).max(initial=0)) for array in numbers])
    if difference(to_json(first), to_json(second), tolerance):
        return (), ("Has no golden example: it gives another answer each time.",)
    return (Golden(input=item.root, output=to_json(first), tolerance=tolerance),), ()
