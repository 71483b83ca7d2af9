"""A network as arrays, by the names that torch's modules have: what a graph is written from where torch is not."""

from collections.abc import Mapping
from typing import Any

from app.tensors import Array


class ArrayModule:
    """A module of a network, with its weights and its own parts as attributes."""

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.__dict__.update(parts)


def as_modules(weights: Mapping[str, Array]) -> Any:
    """Return `weights` as attributes: that of `layer.0.query.weight` is `.layer[0].query.weight`."""
    tree: dict[str, Any] = {}
    for name, array in weights.items():
        *path, last = name.split(".")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = array
    return _module(tree)


def _module(tree: dict[str, Any]) -> Any:
    parts = {name: _module(part) if isinstance(part, dict) else part for name, part in tree.items()}
    if all(name.isdecimal() for name in parts):
        return [parts[str(number)] for number in range(len(parts))]
    return ArrayModule(parts)
