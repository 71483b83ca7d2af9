"""A float graph becomes an 8-bit one: dynamic quantization of transformers, row by row.

A weight has one scale for each output column, an activation one scale for each row (token), found while the graph runs:
Yao et al., "ZeroQuant", 2022, https://arxiv.org/abs/2206.01861. One scale for a whole tensor, which is what the dynamic
quantization of ONNX Runtime uses, would make an answer depend on the other rows of its batch.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from app.tensors import Array

LEAST_ROWS = 256  # of a table of embeddings that is worth quantizing
LARGEST_CODE = 127  # of an activation, around its zero point
ZERO_POINT = 128
# Of a weight: seven bits, or the sum of two products overflows the 16 bits that processors without VNNI add them in.
LARGEST_WEIGHT = 63


def quantize_dynamic_int8(source: Path, target: Path) -> Path:
    """Write the fp32 graph at `source` with its products with weights, and its tables of embeddings, in int8.

    Returns `target`. No row's answer depends on its batch. Graphs inside nodes (If, Loop) stay as they are.
    """
    model = onnx.load(source)
    graph = _Int8Graph(model.graph)
    for node in model.graph.node:
        graph.take(node)
    graph.finish()
    onnx.checker.check_model(model)
    onnx.save(model, target)
    return target


class _Int8Graph:
    """The nodes and constants that will replace those of `graph`."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}
        self._rows: dict[str, tuple[str, str]] = {}

    def take(self, node: NodeProto) -> None:
        if node.op_type == "MatMul" and self._is_matrix(node.input[1]):
            self._product(node.input[0], node.input[1], node.output[0])
        elif node.op_type == "Gather" and self._is_matrix(node.input[0], LEAST_ROWS):
            self._lookup(node.input[0], node.input[1], node.output[0])
        else:
            self._nodes.append(node)

    def finish(self) -> None:
        """Put the new nodes in place, with the constants they use; shapes noted for the old ones are forgotten."""
        used = {name for node in self._nodes for name in node.input}
        kept = [tensor for tensor in self._weights.values() if tensor.name in used]
        for field, contents in (
            (self._graph.node, self._nodes),
            (self._graph.initializer, [*kept, *self._constants.values()]),
            (self._graph.value_info, []),
        ):
            del field[:]
            field.extend(contents)

    def _product(self, rows: str, weight: str, output: str) -> None:
        if rows not in self._rows:  # query, key and value are products of the same rows
            self._rows[rows] = self._quantize_rows(rows)
        codes, scale = self._rows[rows]
        columns, column_scales = self._quantize_weight(weight, 0, LARGEST_WEIGHT)
        product = self._add("MatMulInteger", [codes, columns, self._zero_point()], f"{output}_int32")
        product = self._add("Cast", [product], f"{output}_fp32", to=TensorProto.FLOAT)
        product = self._add("Mul", [product, scale], f"{output}_rows_scaled")
        self._add("Mul", [product, column_scales], output)

    def _lookup(self, table: str, indices: str, output: str) -> None:
        codes, scales = self._quantize_weight(table, 1, LARGEST_CODE)
        found = self._add("Gather", [codes, indices], f"{output}_int8")
        found = self._add("Cast", [found], f"{output}_fp32", to=TensorProto.FLOAT)
        self._add("Mul", [found, self._add("Gather", [scales, indices], f"{output}_scale")], output)

    def _quantize_rows(self, rows: str) -> tuple[str, str]:
        """Codes, uint8 around ZERO_POINT, and the scale of each row of the fp32 tensor `rows`."""
        last = self._constant("int8_last_axis", np.array([-1], np.int64))
        code = self._constant("int8_largest_code", np.float32(LARGEST_CODE))
        largest = self._add("Abs", [rows], f"{rows}_abs")
        largest = self._add("ReduceMax", [largest, last], f"{rows}_abs_max", keepdims=1)
        # A row of zeros needs no scale, but must not be divided by zero.
        largest = self._add("Max", [largest, self._constant("int8_tiny", np.float32(1e-12))], f"{rows}_largest")
        scaled = self._add("Mul", [rows, self._add("Div", [code, largest], f"{rows}_factor")], f"{rows}_scaled")
        one = self._constant("int8_one", np.float32(1))
        codes = self._add("QuantizeLinear", [scaled, one, self._zero_point()], f"{rows}_codes")
        return codes, self._add("Div", [largest, code], f"{rows}_scale")

    def _quantize_weight(self, name: str, axis: int, largest_code: int) -> tuple[str, str]:
        """Names of the int8 codes of a weight and of its scales, of which there is one along `axis`."""
        weight = numpy_helper.to_array(self._weights[name])
        largest = np.abs(weight).max(axis=axis, keepdims=True)
        scale = np.where(largest > 0, largest, 1) / largest_code
        codes = np.round(weight / scale).astype(np.int8)
        return self._constant(f"{name}_int8", codes), self._constant(f"{name}_scale", scale.astype(np.float32))

    def _zero_point(self) -> str:
        return self._constant("int8_zero_point", np.uint8(ZERO_POINT))

    def _is_matrix(self, name: str, least_rows: int = 1) -> bool:
        tensor = self._weights.get(name)
        return (
            tensor is not None
            and tensor.data_type == TensorProto.FLOAT
            and len(tensor.dims) == 2
            and tensor.dims[0] >= least_rows
        )

    def _constant(self, name: str, value: Array | np.generic) -> str:
        self._constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def _add(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output
