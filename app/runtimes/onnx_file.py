"""ONNX files, read without running them. Needs no library of ONNX's."""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.errors import InvalidArtifact
from app.runtimes.protobuf import Message

# Numbers of fields, by https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
IR_VERSION, OPSETS, GRAPH, FUNCTIONS = 1, 8, 7, 25
NODES, WEIGHTS, SPARSE_WEIGHTS, INPUTS, OUTPUTS = 1, 5, 15, 11, 12
NODE_INPUTS, NODE_OUTPUTS, OPERATOR, ATTRIBUTES, DOMAIN = 1, 2, 4, 5, 7
ATTRIBUTE_NAME, ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_TENSORS, ATTRIBUTE_GRAPHS = 1, 5, 6, 10, 11
ATTRIBUTE_SPARSE = (22, 23)
FUNCTION_DEFAULTS = 11
ATTRIBUTE_INTEGER, ATTRIBUTE_INTEGERS, ATTRIBUTE_TEXTS = 3, 8, (4, 9)
DIMS, TENSOR_NAME, EXTERNAL = 1, 8, 13
SPARSE_VALUES, SPARSE_INDICES, FUNCTION_NODES = 1, 2, 7

LARGEST_SIZE = 4096  # of a dimension, for a number to be taken for one


@dataclass(frozen=True, slots=True)
class Node:
    """One operator of a graph; `reads` has also what its subgraphs read from outside."""

    operator: str
    domain: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    message: Message
    subgraphs: tuple[Message, ...]


class OnnxFile:
    """A file that says it is an ONNX graph; whatever of it cannot be read raises."""

    def __init__(self, path: Path) -> None:
        """Raises InvalidArtifact if it cannot be read as ONNX."""
        try:
            with path.open("rb") as file:
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self.model = Message(memoryview(content))
            self.graph = self.model.message(GRAPH)
            self.functions = self.model.messages(FUNCTIONS)
        except (OSError, ValueError) as error:
            raise InvalidArtifact(f"{path.name} cannot be read as ONNX: {error}") from error

    def nodes(self) -> list[Node]:
        return [node_of(message) for message in self.graph.messages(NODES)]

    def all_nodes(self) -> Iterator[Node]:
        """Those of the graph, of its functions, and of the graphs inside of operators."""
        for body in (self.graph.messages(NODES), *(one.messages(FUNCTION_NODES) for one in self.functions)):
            yield from _all_nodes(body)

    def external_files(self) -> list[str]:
        """Return the locations, as they are written, of the files that hold tensors of this graph.

        Raises InvalidArtifact if they cannot be read.
        """
        try:
            entries = [entry for tensor in self._tensors() for entry in tensor.messages(EXTERNAL)]
            return list(dict.fromkeys(entry.text(2) for entry in entries if entry.text(1) == "location"))
        except (ValueError, RecursionError) as error:
            raise InvalidArtifact(f"the tensors of the graph cannot be read: {error}") from error

    def sizes(self) -> set[int]:
        """Return the sizes of weights, and the small numbers among the attributes of operators."""
        sizes = {size for tensor in self.graph.messages(WEIGHTS) for size in tensor.integers(DIMS)}
        for message in self.graph.messages(NODES):
            for attribute in message.messages(ATTRIBUTES):
                sizes |= {*attribute.integers(ATTRIBUTE_INTEGER), *attribute.integers(ATTRIBUTE_INTEGERS)}
        return {size for size in sizes if 0 < size <= LARGEST_SIZE}

    def _tensors(self) -> Iterator[Message]:
        graphs, sparse = [self.graph], list[Message]()
        attributes = [one for function in self.functions for one in function.messages(FUNCTION_DEFAULTS)]
        for node in self.all_nodes():
            graphs.extend(node.subgraphs)
            attributes += node.message.messages(ATTRIBUTES)
        for attribute in attributes:
            yield from attribute.messages(ATTRIBUTE_TENSOR)
            yield from attribute.messages(ATTRIBUTE_TENSORS)
            sparse += [one for number in ATTRIBUTE_SPARSE for one in attribute.messages(number)]
        for graph in graphs:
            yield from graph.messages(WEIGHTS)
            sparse += graph.messages(SPARSE_WEIGHTS)
        for one in sparse:
            yield from one.messages(SPARSE_VALUES)
            yield from one.messages(SPARSE_INDICES)


def node_of(message: Message) -> Node:
    attributes = message.messages(ATTRIBUTES)
    subgraphs = tuple(
        graph for one in attributes for number in (ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS) for graph in one.messages(number)
    )
    reads = [*message.texts(NODE_INPUTS), *(name for graph in subgraphs for name in _read_from_outside(graph))]
    return Node(
        message.text(OPERATOR),
        message.text(DOMAIN),
        tuple(dict.fromkeys(name for name in reads if name)),
        tuple(name for name in message.texts(NODE_OUTPUTS) if name),
        message,
        subgraphs,
    )


def _read_from_outside(graph: Message) -> set[str]:
    nodes = [node_of(message) for message in graph.messages(NODES)]
    inside = {one.text(1) for one in graph.messages(INPUTS)}
    inside |= {one.text(TENSOR_NAME) for one in graph.messages(WEIGHTS)}
    inside |= {one.message(SPARSE_VALUES).text(TENSOR_NAME) for one in graph.messages(SPARSE_WEIGHTS)}
    inside |= {name for node in nodes for name in node.writes}
    outputs = {one.text(1) for one in graph.messages(OUTPUTS)}
    return {name for node in nodes for name in node.reads if name not in inside} | (outputs - inside)


def _all_nodes(messages: list[Message]) -> Iterator[Node]:
    for message in messages:
        node = node_of(message)
        yield node
        for graph in node.subgraphs:
            yield from _all_nodes(graph.messages(NODES))
