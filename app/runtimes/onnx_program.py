"""An ONNX graph, operator by operator: each can be run as a graph of its own."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path

import numpy as np

from app.runtimes.onnx import inline_functions, open_part
from app.runtimes.onnx_file import (
    ATTRIBUTE_NAME,
    ATTRIBUTE_TEXTS,
    ATTRIBUTES,
    DIMS,
    GRAPH,
    INPUTS,
    IR_VERSION,
    NODE_INPUTS,
    NODES,
    OPSETS,
    OUTPUTS,
    SPARSE_VALUES,
    SPARSE_WEIGHTS,
    TENSOR_NAME,
    WEIGHTS,
    Node,
    OnnxFile,
    node_of,
)
from app.runtimes.onnx_subgraphs import scan_rounds, taken_branch
from app.runtimes.program import Operator, Value
from app.runtimes.protobuf import Message, field
from app.tensors import Array

# TensorProto.DataType, by what numpy calls it.
ELEMENTS = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "object": 8, "bool": 9,
    "float16": 10, "float64": 11, "uint32": 12, "uint64": 13,
}  # fmt: skip
DATA_TYPE, STRING_DATA, RAW_DATA = 2, 6, 9  # fields of TensorProto
OLDEST_IR = 8  # of older ones, weights are inputs too
# Operators that read no numbers of their first or second input.
ONLY_SHAPES = {
    "Shape": 0, "Size": 0, "EyeLike": 0, "RandomNormalLike": 0, "RandomUniformLike": 0, "CastLike": 1,
}  # fmt: skip
STOPWORDS = "stopwords"
SCAN_OPSET = 9  # before, it knew of batches itself
SMALL = 1024  # numbers of a weight that is looked at


class OnnxProgram:
    """Raises InvalidArtifact when made if the file cannot be read."""

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        file = OnnxFile(path)
        if file.functions:
            with tempfile.TemporaryDirectory(prefix="tessera-") as folder:
                file = OnnxFile(inline_functions(path, Path(folder) / path.name))
        self._opsets = b"".join(field(OPSETS, one) for one in file.model.all(OPSETS))
        self._ir_version = max(file.model.integer(IR_VERSION), OLDEST_IR)
        self._opset = max((one.integer(2) for one in file.model.messages(OPSETS) if not one.text(1)), default=1)
        self._weights: dict[str, bytes] = {}
        self._sizes: dict[str, int] = {}
        self._add_weights(file.graph)
        self.inputs = [name for one in file.graph.messages(INPUTS) if (name := one.text(1)) not in self._weights]
        self.outputs = [one.text(1) for one in file.graph.messages(OUTPUTS)]
        self.operators = [_operator(node) for node in file.nodes()]
        self.sizes = file.sizes()

    def _add_weights(self, graph: Message) -> None:
        for tensor in graph.messages(WEIGHTS):
            self._weights[tensor.text(TENSOR_NAME)] = field(WEIGHTS, tensor.content)
            self._sizes[tensor.text(TENSOR_NAME)] = prod(tensor.integers(DIMS))
        for tensor in graph.messages(SPARSE_WEIGHTS):
            self._weights[tensor.message(SPARSE_VALUES).text(TENSOR_NAME)] = field(SPARSE_WEIGHTS, tensor.content)

    def constant(self, name: str) -> Value:
        weight = self._weights[name]
        if self._sizes.get(name, SMALL + 1) > SMALL:
            return weight
        try:
            return open_part(self._model([], [weight], [], [name]), self._folder)([name], {})[0]
        except Exception:  # of a type that numpy lacks
            return weight

    def inside(self, operator: Operator, values: Mapping[str, tuple[Value, Value]]) -> Sequence[Operator] | None:
        if operator.kind == "If":
            value, fewer = values[operator.node.texts(NODE_INPUTS)[0]]
            if not np.array_equal(value, fewer):
                return None
            graph, nodes = taken_branch(operator.node, value)
        elif operator.kind == "Scan" and self._opset >= SCAN_OPSET:
            rounds = scan_rounds(operator.node, values)
            if rounds is None:
                return None
            graph, (nodes, numbers) = rounds
            self._weights |= {name: field(WEIGHTS, _tensor(name, number)) for name, number in numbers.items()}
            self._sizes |= dict.fromkeys(numbers, 1)
        else:
            return None
        self._add_weights(graph)
        return [_operator(node_of(one)) for one in nodes]

    def is_known(self, value: Value) -> bool:
        return isinstance(value, bytes) or (isinstance(value, np.ndarray) and value.dtype.name in ELEMENTS)

    def prepare(
        self,
        operators: Sequence[Operator],
        fixed: Mapping[str, Value],
        free: Mapping[str, Value],
        wanted: Sequence[str],
    ) -> Callable[[Mapping[str, Value]], dict[str, Value]]:
        weights = [
            value if isinstance(value, bytes) else field(WEIGHTS, _tensor(name, value)) for name, value in fixed.items()
        ]
        inputs = [_described(name, value) for name, value in free.items()]
        run = open_part(self._model([operator.node for operator in operators], weights, inputs, wanted), self._folder)
        return lambda values: dict(zip(wanted, run(wanted, {name: values[name] for name in free}), strict=True))

    def _model(
        self, nodes: Sequence[Message], weights: Sequence[bytes], inputs: Sequence[bytes], outputs: Sequence[str]
    ) -> bytes:
        graph = [*(field(NODES, node.content) for node in nodes), field(2, "part"), *weights]
        graph += [field(INPUTS, one) for one in inputs]
        graph += [field(OUTPUTS, field(1, name)) for name in outputs]
        return field(IR_VERSION, self._ir_version) + self._opsets + field(GRAPH, b"".join(graph))


def _operator(node: Node) -> Operator:
    return Operator(
        node.operator,
        node.reads,
        node.writes,
        node.message,
        shapes=_only_shapes(node),
        texts=_texts(node),
        conceals=_conceals(node),
    )


def _conceals(node: Node) -> str:
    if node.subgraphs:
        return "runs other operators on what rows hold"
    if any(one.text(ATTRIBUTE_NAME) == STOPWORDS for one in node.message.messages(ATTRIBUTES)):
        return "leaves out texts by what they are"
    return ""


def _texts(node: Node) -> tuple[str, ...]:
    found = [
        text
        for attribute in node.message.messages(ATTRIBUTES)
        for number in ATTRIBUTE_TEXTS
        for text in attribute.all(number)
    ]
    return tuple(bytes(text).decode(errors="replace") for text in found[:SMALL])


def _only_shapes(node: Node) -> frozenset[str]:
    if node.domain or node.operator not in ONLY_SHAPES:
        return frozenset()
    reads = node.message.texts(NODE_INPUTS)
    seen = reads.pop(ONLY_SHAPES[node.operator])
    return frozenset({seen} - {*reads})


def _described(name: str, array: Array) -> bytes:
    shape = b"".join(field(1, field(1, size)) for size in array.shape)  # some operators must know it beforehand
    return field(1, name) + field(2, field(1, field(1, ELEMENTS[array.dtype.name]) + field(2, shape)))


def _tensor(name: str, array: Array) -> bytes:
    head = b"".join(field(DIMS, size) for size in array.shape) + field(DATA_TYPE, ELEMENTS[array.dtype.name])
    if array.dtype == np.object_:
        data = b"".join(field(STRING_DATA, text) for text in array.ravel().tolist())
    else:
        data = field(RAW_DATA, np.ascontiguousarray(array).tobytes())
    return head + field(TENSOR_NAME, name) + data
