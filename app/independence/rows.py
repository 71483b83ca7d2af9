"""Rows to try a graph with: of very different scale, sign and place, so that none can hide behind another."""

from collections.abc import Mapping, Sequence

import numpy as np

from app.runtimes.signature import GraphTensor
from app.tensors import NUMPY_TYPES, Array, Tensors

# Scale and offset of a row's numbers. A minimum, maximum, mean or norm over rows shows beside each of the others.
PLACES = ((1e-2, 0.0), (1.0, -3.0), (1e3, 5e2), (1e-1, 7.0), (30.0, -1e2))
TEXTS = ("a", "a a", "a a a")


def some_rows(
    inputs: Sequence[GraphTensor], shapes: Mapping[str, Sequence[int]], count: int, seed: int
) -> list[Tensors]:
    """Return `count` rows whose tensors have `shapes`; which of them is small, large or negative depends on `seed`."""
    random = np.random.default_rng(seed)
    return [{one.name: _filled(one, shapes[one.name], i + seed, random) for one in inputs} for i in range(count)]


def batch_of(rows: Sequence[Tensors]) -> Tensors:
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _filled(tensor: GraphTensor, shape: Sequence[int], place: int, random: np.random.Generator) -> Array:
    kind = NUMPY_TYPES[tensor.datatype]
    if kind.kind == "O":
        return np.full(shape, TEXTS[place % len(TEXTS)], kind)
    if kind.kind != "f":
        # Small enough to be an index, a class or a token almost anywhere.
        return random.integers(0, 2, shape).astype(kind)
    scale, offset = PLACES[place % len(PLACES)]
    return np.asarray(scale * random.standard_normal(shape) + offset).astype(kind)
