"""Names of the classes that the last dimension of an output is over."""

import json
from collections.abc import Mapping
from pathlib import Path

from app.adding.graph import Graph
from app.errors import InvalidInput
from app.tensors import TensorSpec


def read_labels(path: Path) -> list[str]:
    """Return the names in a JSON list, or one a line. Raises InvalidInput if the file is neither."""
    try:
        text = path.read_text(encoding="utf-8")
        labels = json.loads(text) if text.lstrip().startswith("[") else text.splitlines()
    except (OSError, ValueError) as error:
        raise InvalidInput(f"--labels {path}: {error}") from error
    if not labels or not all(isinstance(one, str) for one in labels):
        raise InvalidInput(f"--labels {path}: must hold names, one a line or as a JSON list of texts")
    return labels


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
