"""What a graph says of its own inputs and outputs."""

from collections.abc import Mapping
from typing import NamedTuple

from app.tensors import Datatype


class GraphTensor(NamedTuple):
    """One input or output of a graph; -1 marks a dimension that varies."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]


class Bounds(NamedTuple):
    """The sizes, both included, that a dimension may have; None is no limit."""

    least: int = 0
    most: int | None = None


class Signature(NamedTuple):
    """`dimensions` has the names of each input's dimensions, "" where there is none; `bounds` those of names."""

    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]
    dimensions: Mapping[str, tuple[str, ...]] = {}
    bounds: Mapping[str, Bounds] = {}
