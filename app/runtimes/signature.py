"""A graph's own word on its inputs and outputs."""

from collections.abc import Mapping
from typing import NamedTuple

from app.tensors import TensorSpec


class Bounds(NamedTuple):
    """The sizes, both included, that a dimension may have; None is no limit."""

    least: int = 0
    most: int | None = None


class Signature(NamedTuple):
    """`dimensions` has the names of each input's dimensions, "" where there is none; `bounds` those of names."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    dimensions: Mapping[str, tuple[str, ...]] = {}
    bounds: Mapping[str, Bounds] = {}
