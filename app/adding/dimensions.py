"""The dimensions of a graph's inputs that vary: what they are called, and which of them counts rows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import InvalidInput
from app.runtimes.signature import Bounds, Signature

# What exporters and people call the dimension that counts rows. A vector is one row, unless its dimension is so called.
BATCH = re.compile(r"n|b|bs|(num_?)?rows|.*batch.*|unk__\d+", re.IGNORECASE)
UNNAMED = re.compile(r"unk__\d+")  # so one exporter numbers all dimensions without a name

Key = str
"""A dimension that varies: its name, or "input[axis]" if it has none. What has one name has one size."""


@dataclass(frozen=True, slots=True)
class Dimensions:
    """`inputs`: of each input the sizes that are fixed, and the keys of those that vary."""

    inputs: Mapping[str, tuple[int | Key, ...]]
    bounds: Mapping[Key, Bounds]
    named: frozenset[Key]

    @property
    def keys(self) -> list[Key]:
        return list(dict.fromkeys(one for shape in self.inputs.values() for one in shape if isinstance(one, str)))

    def shapes(self, sizes: Mapping[Key, int]) -> dict[str, tuple[int, ...]]:
        return {
            name: tuple(one if isinstance(one, int) else sizes[one] for one in shape)
            for name, shape in self.inputs.items()
        }

    def batch(self) -> list[Key]:
        """Return the first dimensions of the inputs if they may count rows, else nothing.

        Several keys may be one dimension only if at most one of them has a name, and the graph must say that they are:
        it fails if they differ.
        """
        firsts = [shape[0] if shape else 0 for shape in self.inputs.values()]
        keys = list(dict.fromkeys(one for one in firsts if isinstance(one, str)))
        if len(keys) < len({*firsts}) or len(self.named.intersection(keys)) > 1:
            return []
        if all(len(shape) == 1 for shape in self.inputs.values()) and not all(map(BATCH.fullmatch, keys)):
            return []
        return keys

    def require_known(self, sizes: Mapping[Key, int]) -> None:
        """Raises InvalidInput for a size of a dimension that there is not, or that it cannot have."""
        for key, size in sizes.items():
            if key not in self.keys:
                there = ", ".join(self.keys) or "none"
                raise InvalidInput(f"--size {key}={size}: no dimension that varies is called so; there are: {there}")
            least, most = self.bounds.get(key, Bounds())
            if size < max(least, 1) or (most is not None and size > most):
                raise InvalidInput(f"--size {key}={size}: it must be from {max(least, 1)} to {most or 'any'}")


def dimensions_of(signature: Signature) -> Dimensions:
    inputs = {}
    for tensor in signature.inputs:
        names = signature.dimensions.get(tensor.name, ())
        named = [*names, *[""] * (len(tensor.shape) - len(names))]
        inputs[tensor.name] = tuple(
            size if size >= 0 else named[axis] or f"{tensor.name}[{axis}]" for axis, size in enumerate(tensor.shape)
        )
    known = {name for names in signature.dimensions.values() for name in names if not UNNAMED.fullmatch(name)}
    return Dimensions(inputs, signature.bounds, frozenset(known))
