"""Classifiers that answer with maps from class to score: served without that last step, as tensors and class names.

Exporters of scikit-learn and its like end a graph with the operator ZipMap, whose output is no tensor.
"""

from pathlib import Path

from app.errors import InvalidArtifact
from app.runtimes.onnx_file import (
    ATTRIBUTE_INTEGERS,
    ATTRIBUTE_NAME,
    ATTRIBUTES,
    GRAPH,
    NODE_INPUTS,
    NODE_OUTPUTS,
    NODES,
    OPERATOR,
    OUTPUTS,
    OnnxFile,
    node_of,
)
from app.runtimes.protobuf import Message, field, signed

ZIPMAP = ("ai.onnx.ml", "ZipMap")
STRINGS = 9  # field of AttributeProto: a list of texts


def without_maps(path: Path) -> dict[str, list[str]]:
    """Rewrite the graph at `path` so that outputs that were maps are the scores alone; return their class names."""
    try:
        file = OnnxFile(path)
    except InvalidArtifact:
        return {}  # ONNX Runtime says in other words what is wrong with it
    nodes = [node_of(message) for message in file.graph.messages(NODES)]
    maps = {node.writes[0]: node.message for node in nodes if (node.domain, node.operator) == ZIPMAP}
    if not maps:
        return {}
    graph = dict(file.graph.fields)
    graph[NODES] = [node.message.content for node in nodes if (node.domain, node.operator) != ZIPMAP]
    graph[NODES] += [memoryview(_copy(message.texts(NODE_INPUTS)[0], output)) for output, message in maps.items()]
    graph[OUTPUTS] = [
        memoryview(field(1, one.text(1))) if one.text(1) in maps else one.content
        for one in file.graph.messages(OUTPUTS)
    ]
    content = _written(file.model.fields | {GRAPH: [memoryview(_written(graph))]})
    path.unlink()  # it is still mapped
    path.write_bytes(content)
    return {output: _class_names(message) for output, message in maps.items()}


def _class_names(zipmap: Message) -> list[str]:
    """Return the class names, integers or texts, that the operator's attributes hold."""
    attributes = {one.text(ATTRIBUTE_NAME): one for one in zipmap.messages(ATTRIBUTES)}
    if texts := attributes.get("classlabels_strings"):
        return texts.texts(STRINGS)
    numbers = attributes.get("classlabels_int64s")
    return [str(signed(number)) for number in numbers.integers(ATTRIBUTE_INTEGERS)] if numbers else []


def _copy(source: str, target: str) -> bytes:
    return field(NODE_INPUTS, source) + field(NODE_OUTPUTS, target) + field(OPERATOR, "Identity")


def _written(fields: dict[int, list[int | memoryview]]) -> bytes:
    return b"".join(field(number, value) for number, values in fields.items() for value in values)
