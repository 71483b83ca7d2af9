"""Rows to try a graph with: of very different scale, sign and place, so that none can hide behind another."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from app.independence.layout import Layout
from app.tensors import NUMPY_TYPES, Array, Tensors, TensorSpec

# Scale and offset of a row's numbers. A minimum, maximum, mean or norm over rows shows beside each of the others.
PLACES = ((1e-2, 0.0), (1.0, -3.0), (1e3, 5e2), (1e-1, 7.0), (30.0, -1e2))
EXTREMES = (np.inf, -np.inf, np.nan, 1e30, -1e30, 0.0)
TEXTS = ("a", "a a", "a a a")
FEW, PRIME = 1000, 4099  # numbers that are drawn from, and that are drawn before they are repeated
MORE_TEXTS = ("", "b", "a b", "A", "1", "ä")


def some_rows(
    inputs: Sequence[TensorSpec],
    shapes: Mapping[str, Sequence[int]],
    choices: Mapping[str, Array],
    count: int,
    seed: int,
) -> list[Tensors]:
    """Return `count` rows whose tensors have `shapes`; which of them is small, large or negative depends on `seed`.

    `choices` are what an input may hold; without them it gets floating-point numbers, texts, or 0 and 1.
    """
    random = np.random.default_rng(seed)
    return [
        {one.name: _filled(one, shapes[one.name], choices.get(one.name), i + seed, random) for one in inputs}
        for i in range(count)
    ]


def batch_of(rows: Sequence[Tensors]) -> Tensors:
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def exchanges(
    values: Mapping[str, tuple[Array, Layout]], count: int, known: Sequence[Array]
) -> Iterator[tuple[Tensors, Tensors]]:
    """Yield pairs of batches, like `values` in types and shapes, between which rows are to be exchanged.

    `known` are the other values that an operator reads: it may compare with them.
    """
    random = np.random.default_rng(0)
    actual = {name: value for name, (value, _) in values.items()}
    first, second = (
        {name: _made(value, layout, count, place, random) for name, (value, layout) in values.items()}
        for place in (0, 2)
    )
    yield first, second
    yield second, first
    yield actual, {name: _extreme(value, random) for name, value in actual.items()}
    if known:
        yield (
            {name: _near(value, known, random) for name, value in actual.items()},
            {name: _near(value, known, random) for name, value in actual.items()},
        )


def _filled(
    tensor: TensorSpec, shape: Sequence[int], choices: Array | None, place: int, random: np.random.Generator
) -> Array:
    kind = NUMPY_TYPES[tensor.datatype]
    if choices is None and kind.kind == "f":
        scale, offset = PLACES[place % len(PLACES)]
        return np.asarray(scale * random.standard_normal(shape) + offset).astype(kind)
    if choices is None and kind.kind == "O":
        return np.full(shape, TEXTS[place % len(TEXTS)], kind)
    return np.asarray(random.choice([0, 1] if choices is None else choices, shape)).astype(kind)


def _made(value: Array, layout: Layout, count: int, place: int, random: np.random.Generator) -> Array:
    """Numbers of another scale and sign in each row; of what may be an index, what was there, else 0 and 1."""
    if value.dtype.kind != "f":
        found = np.unique(value.ravel()[:FEW])
        others = [*TEXTS, *MORE_TEXTS] if value.dtype.kind == "O" else [0, 1] if len(found) < 2 else []
        return _drawn(np.concatenate([found, np.array(others, value.dtype)]), value, random)
    made = _drawn(random.standard_normal(FEW).astype(value.dtype), value, random)
    rows = layout.apart(made, count)
    for row in range(count):
        scale, offset = PLACES[(row + place) % len(PLACES)]
        rows[:, row] = rows[:, row] * scale + offset
    return made


def _extreme(value: Array, random: np.random.Generator) -> Array:
    if value.dtype.kind != "f":
        return _made(value, Layout(0), 1, 0, random)
    with np.errstate(over="ignore"):
        return _drawn(np.array(EXTREMES).astype(value.dtype), value, random)


def _near(value: Array, known: Sequence[Array], random: np.random.Generator) -> Array:
    """Numbers around those that the operator knows."""
    found = np.concatenate([one.ravel()[:FEW] for one in known if one.dtype == value.dtype] or [value.ravel()[:FEW]])
    if value.dtype.kind in "fiu":
        found = np.concatenate([found - 1, found, found + 1])
    return _drawn(found, value, random) if found.size else value


def _drawn(numbers: Array, like: Array, random: np.random.Generator) -> Array:
    """Some of `numbers` in the shape of `like`, in an order that does not repeat where rows do."""
    return np.resize(numbers[random.integers(0, len(numbers), PRIME)], like.shape)
