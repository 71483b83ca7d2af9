"""Names of the classes that the last dimension of an output is over."""

import json
from collections.abc import Mapping
from pathlib import Path

from app.adding.graph import Graph
from app.errors import InvalidInput
from app.tasks.characters import folded, is_blank
from app.tensors import TensorSpec


def read_labels(path: Path, numbered: list[str] | None = None) -> list[str]:
    """Return the names in a JSON list, or one a line. Raises InvalidInput for a file of neither, and for a bad name.

    A name may not be empty, nor may another look the same: callers ask for labels by name. With `numbered` the later
    of two gets its number, and is added there: ImageNet's list has two kinds of crane.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        is_json = text.lstrip().startswith("[")
        labels = json.loads(text) if is_json else text.removesuffix("\n").split("\n")
    except (OSError, ValueError) as error:
        raise InvalidInput(f"--labels {path}: {error}") from error
    if not labels or labels == [""] or not all(isinstance(one, str) for one in labels):
        raise InvalidInput(f"--labels {path}: must hold names, one a line or as a JSON list of texts")
    place, seen = "name" if is_json else "line", dict[str, int]()
    for number, name in enumerate(labels, 1):
        if is_blank(name):
            raise InvalidInput(f"--labels {path}: {place} {number} is empty")
        if (first := seen.setdefault(folded(name), number)) == number:
            continue
        other = f"{name.strip()} ({number})"
        if numbered is None or folded(other) in seen:
            raise InvalidInput(
                f"--labels {path}: {place} {first} and {place} {number} are both {name.strip()!r}; tell them apart"
            )
        labels[number - 1], seen[folded(other)] = other, number
        numbered.append(other)
    return [name.strip() for name in labels]


def class_names(graph: Graph, outputs: list[TensorSpec], labels: list[str] | None) -> Mapping[str, list[str]]:
    """Return the class names of each output that has some: those that the graph knew, and `labels`.

    Raises InvalidInput if there are labels and not one output whose last dimension they fit.
    """
    if labels is None:
        return graph.class_names
    fitting = [one.name for one in outputs if one.shape and one.datatype != "BYTES" and one.shape[-1] == len(labels)]
    open_ = [one.name for one in outputs if one.shape and one.datatype != "BYTES" and one.shape[-1] < 0]
    if len(fitting or open_) != 1:
        shapes = ", ".join(f"{one.name} {list(one.shape)}" for one in outputs)
        raise InvalidInput(
            f"--labels: {len(labels)} names fit the last dimension of no one output; there are: {shapes}"
        )
    return {**graph.class_names, (fitting or open_)[0]: labels}
