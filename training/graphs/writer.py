"""Write an ONNX graph node by node, where an exporter would not choose the operators that run fastest."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from app.tensors import Array

OPSET = 20
ONNX_RUNTIME = "com.microsoft"
"""Domain of the operators that only ONNX Runtime has."""


class GraphWriter:
    """Nodes and constants of a graph that is being written; values are named by what makes them."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}
        self._shared: dict[tuple[str, bytes], str] = {}

    def add(
        self, operator: str, inputs: Sequence[str], *, output: str = "", domain: str = "", **attributes: Any
    ) -> str:
        """Append a node with one output, and return the name of that."""
        name = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **attributes))
        return name

    def constant(self, value: Array | np.generic | list[int]) -> str:
        """The name of a constant; a list is int64, and equal constants are kept once."""
        array = np.array(value, np.int64) if isinstance(value, list) else np.asarray(value)
        key = (f"{array.dtype}{array.shape}", array.tobytes())
        if key not in self._shared:
            self._shared[key] = f"constant_{len(self._constants)}"
            self._constants[self._shared[key]] = numpy_helper.from_array(array, self._shared[key])
        return self._shared[key]

    def save(
        self, path: Path, inputs: Mapping[str, Sequence[str | int]], output: str, shape: Sequence[str | int]
    ) -> Path:
        """Write the graph, whose `inputs` are int64 and whose one output is fp32, and return `path`.

        A shape names its varying dimensions.
        """
        given = [helper.make_tensor_value_info(name, TensorProto.INT64, size) for name, size in inputs.items()]
        answer = helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)
        model = helper.make_model(
            helper.make_graph(self._nodes, "graph", given, [answer], list(self._constants.values())),
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ONNX_RUNTIME, 1)],
            ir_version=10,
        )
        onnx.save(model, path)
        return path
