"""An exported graph with its products in 8 bits, none of which lets a row know its neighbours.

What it multiplies with weights is quantized while it runs, with a scale for each row (of a text: each token), as in Yao
et al., "ZeroQuant", 2022, https://arxiv.org/abs/2206.01861; weights and tables have a scale for each output or entry.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import onnx
import torch
from onnx import GraphProto, NodeProto, helper, numpy_helper
from torch import nn

from app.tensors import Array
from training.errors import TrainingError
from training.graphs.export import OPSET
from training.graphs.products import RowInt8Products
from training.graphs.writer import ONNX_RUNTIME, GraphWriter

FEWEST = 32  # outputs of a product, or entries of a table: with fewer, as of labels, fp32 costs next to nothing
PREFIX = "int8."  # begins the names of what is new


class _Product(NamedTuple):
    """`rows` times `weight` [outputs, inputs], plus `bias`, "" if there is none."""

    rows: str
    weight: Array
    bias: str = ""


def write_row_int8(source: Path, target: Path) -> Path:
    """Write the graph at `source` in 8 bits, and return `target`. Raises TrainingError if it multiplies nothing."""
    model = onnx.load(source)
    constants = {one.name: one for one in model.graph.initializer}
    writer, products, count = GraphWriter(PREFIX), RowInt8Products(), 0
    for node in model.graph.node:
        (output,) = node.output[:1]
        if table := _table(node, constants):
            found = products.lookup(writer, torch.from_numpy(table[0]), table[1])
        elif product := _product(node, constants):
            (found,) = products.linear(writer, product.rows, [_layer(product.weight)])
            found = writer.add("Add", [found, product.bias]) if product.bias else found
            count += 1
        else:
            writer.nodes.append(node)
            continue
        writer.add("Identity", [found], output=output)
    if not count:
        raise TrainingError(f"{source.name} has no product of rows with weights that could be in 8 bits")
    _replace(model, writer)
    onnx.save(model, target)
    return target


def _table(node: NodeProto, constants: Mapping[str, onnx.TensorProto]) -> tuple[Array, str] | None:
    """Of a look-up of rows of a large table, the table and what is looked up."""
    if node.op_type != "Gather" or _attributes(node).get("axis", 0) != 0:
        return None
    table = _matrix(constants.get(node.input[0]))
    return (table, node.input[1]) if table is not None and len(table) >= FEWEST else None


def _product(node: NodeProto, constants: Mapping[str, onnx.TensorProto]) -> _Product | None:
    if node.op_type not in ("MatMul", "Gemm") or node.input[0] in constants:
        return None
    weight = _matrix(constants.get(node.input[1]))
    stated = _attributes(node)
    if weight is None or stated.get("transA") or any(stated.get(name, 1) != 1 for name in ("alpha", "beta")):
        return None
    weight = weight if stated.get("transB") else weight.T
    return _Product(node.input[0], weight, *node.input[2:]) if len(weight) >= FEWEST else None


def _attributes(node: NodeProto) -> dict[str, object]:
    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def _matrix(constant: onnx.TensorProto | None) -> Array | None:
    is_one = constant is not None and constant.data_type == onnx.TensorProto.FLOAT and len(constant.dims) == 2
    return numpy_helper.to_array(constant).copy() if is_one and constant is not None else None


def _layer(weight: Array) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    layer.weight = nn.Parameter(torch.from_numpy(weight), requires_grad=False)
    return layer


def _replace(model: onnx.ModelProto, writer: GraphWriter) -> None:
    """Give `model` the nodes of `writer`, and no constants that none of them reads."""
    graph = model.graph
    del graph.node[:], graph.value_info[:]
    graph.node.extend(writer.nodes)
    read = set(_read_by(graph)) | {one.name for one in graph.output}
    kept = [one for one in graph.initializer if one.name in read]
    del graph.initializer[:]
    graph.initializer.extend([*kept, *writer.tensors()])
    if all(one.domain != ONNX_RUNTIME for one in model.opset_import):
        model.opset_import.append(helper.make_opsetid(ONNX_RUNTIME, 1))
    assert any(one.domain == "" and one.version >= OPSET for one in model.opset_import), "axes are inputs since then"


def _read_by(graph: GraphProto) -> Iterator[str]:
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _read_by(attribute.g)
