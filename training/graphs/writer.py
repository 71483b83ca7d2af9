"""Write an ONNX graph node by node, where an exporter would not choose the operators that run fastest."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from app.tensors import Array

OPSET = 20
ONNX_RUNTIME = "com.microsoft"
"""Domain of the operators that only ONNX Runtime has."""
MOST_INSIDE = 2**31 - 2**24  # bytes of constants in the file of a graph: protobuf writes 2 GiB, with the nodes
SMALLEST_OUTSIDE = 1024  # bytes of a constant that lies in the file beside it
PAGE = 4096  # at which each begins, so that it can be mapped into memory


def tensor(name: str, shape: Sequence[str | int], kind: int = TensorProto.FLOAT) -> ValueInfoProto:
    """An input or output of a graph. `shape` names its varying dimensions; `kind` is one of TensorProto."""
    return helper.make_tensor_value_info(name, kind, shape)


class GraphWriter:
    """Nodes and constants of a graph that is being written; values are named by what makes them, after `prefix`."""

    def __init__(self, prefix: str = "") -> None:
        self.nodes: list[NodeProto] = []
        self._prefix = prefix
        self._constants: dict[str, Array] = {}
        self._shared: dict[tuple[str, bytes], str] = {}  # by type, shape and sha256

    def add(
        self, operator: str, inputs: Sequence[str], *, output: str = "", domain: str = "", **attributes: Any
    ) -> str:
        """Append a node with one output, and return the name of that."""
        return self.append(operator, inputs, [output or self.name(operator)], domain=domain, **attributes)

    def name(self, operator: str) -> str:
        """A name for an output of the next node."""
        return f"{self._prefix}{operator.lower()}_{len(self.nodes)}"

    def append(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], *, domain: str = "", **attributes: Any
    ) -> str:
        """Append a node and return the name of its first output; "" is an input or output that it does without."""
        self.nodes.append(helper.make_node(operator, list(inputs), list(outputs), domain=domain, **attributes))
        return outputs[0]

    def constant(self, value: Array | np.generic | list[int]) -> str:
        """The name of a constant; a list is int64, and equal constants are kept once."""
        array = np.array(value, np.int64) if isinstance(value, list) else np.asarray(value, order="C")
        key = (f"{array.dtype}{array.shape}", hashlib.sha256(array.data).digest())
        if key not in self._shared:
            self._shared[key] = f"{self._prefix}constant_{len(self._constants)}"
            self._constants[self._shared[key]] = array
        return self._shared[key]

    def save(self, path: Path, inputs: Sequence[ValueInfoProto], outputs: Sequence[ValueInfoProto]) -> Path:
        """Write the graph and return `path`; the constants beside it in `<path>.data` if one file cannot hold them."""
        if sum(array.nbytes for array in self._constants.values()) <= MOST_INSIDE:
            tensors = self.tensors()
        else:
            tensors = self._save_beside(path.with_name(f"{path.name}.data"))
        model = helper.make_model(
            helper.make_graph(self.nodes, "graph", inputs, outputs, tensors),
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ONNX_RUNTIME, 1)],
            ir_version=10,
        )
        onnx.save(model, path)
        return path

    def tensors(self) -> list[TensorProto]:
        """The constants, each with its values."""
        return [numpy_helper.from_array(array, name) for name, array in self._constants.items()]

    def _save_beside(self, path: Path) -> list[TensorProto]:
        tensors = []
        with path.open("wb") as file:
            for name, array in self._constants.items():
                if array.nbytes < SMALLEST_OUTSIDE:
                    tensors.append(numpy_helper.from_array(array, name))
                    continue
                file.write(bytes(-file.tell() % PAGE))
                tensors.append(_lying_in(path.name, file.tell(), name, array))
                file.write(array.data)
        return tensors


def _lying_in(location: str, offset: int, name: str, array: Array) -> TensorProto:
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    tensor = TensorProto(name=name, data_type=kind, dims=array.shape, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", offset), ("length", array.nbytes)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor
