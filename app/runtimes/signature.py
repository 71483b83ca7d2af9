"""What a graph says of its own inputs and outputs."""

from typing import NamedTuple

from app.tensors import Datatype


class GraphTensor(NamedTuple):
    """One input or output of a graph; -1 marks a dimension that varies."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]


class Signature(NamedTuple):
    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]
