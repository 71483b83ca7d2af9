"""Write an ONNX graph node by node, where an exporter would not choose the operators that run fastest."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from app.tensors import Array
from training.errors import TrainingError

OPSET = 20
ONNX_RUNTIME = "com.microsoft"
"""Domain of the operators that only ONNX Runtime has."""
LARGEST_FILE = 2**31 - 1  # bytes of a message that protobuf writes


def tensor(name: str, shape: Sequence[str | int], kind: int = TensorProto.FLOAT) -> ValueInfoProto:
    """An input or output of a graph. `shape` names its varying dimensions; `kind` is one of TensorProto."""
    return helper.make_tensor_value_info(name, kind, shape)


class GraphWriter:
    """Nodes and constants of a graph that is being written; values are named by what makes them."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}
        self._shared: dict[tuple[str, bytes], str] = {}  # by type, shape and sha256

    def add(
        self, operator: str, inputs: Sequence[str], *, output: str = "", domain: str = "", **attributes: Any
    ) -> str:
        """Append a node with one output, and return the name of that."""
        return self.append(operator, inputs, [output or self.name(operator)], domain=domain, **attributes)

    def name(self, operator: str) -> str:
        """A name for an output of the next node."""
        return f"{operator.lower()}_{len(self._nodes)}"

    def append(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], *, domain: str = "", **attributes: Any
    ) -> str:
        """Append a node and return the name of its first output; "" is an input or output that it does without."""
        self._nodes.append(helper.make_node(operator, list(inputs), list(outputs), domain=domain, **attributes))
        return outputs[0]

    def constant(self, value: Array | np.generic | list[int]) -> str:
        """The name of a constant; a list is int64, and equal constants are kept once."""
        array = np.array(value, np.int64) if isinstance(value, list) else np.asarray(value)
        key = (f"{array.dtype}{array.shape}", hashlib.sha256(array.tobytes()).digest())
        if key not in self._shared:
            self._shared[key] = f"constant_{len(self._constants)}"
            self._constants[self._shared[key]] = numpy_helper.from_array(array, self._shared[key])
        return self._shared[key]

    def save(self, path: Path, inputs: Sequence[ValueInfoProto], outputs: Sequence[ValueInfoProto]) -> Path:
        """Write the graph and return `path`. Raises TrainingError if it is too large for one file."""
        # Beyond it protobuf fails in ways of its own, and only when all is in memory twice.
        size = sum(len(one.raw_data) for one in self._constants.values())
        if size > LARGEST_FILE:
            raise TrainingError(f"{path.name} would have {size} bytes, and an ONNX file has at most {LARGEST_FILE}")
        model = helper.make_model(
            helper.make_graph(self._nodes, "graph", inputs, outputs, list(self._constants.values())),
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ONNX_RUNTIME, 1)],
            ir_version=10,
        )
        onnx.save(model, path)
        return path
