"""Graphs whose rows influence each other, openly or far from anything that a trial of the whole graph reaches.

Long, since it is two tables of graphs.
"""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from app.independence.operators import fault_of_operators
from app.independence.rows import batch_of, some_rows
from app.runtimes.onnx import signature_of_onnx
from app.runtimes.onnx_program import OnnxProgram

TYPES = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "s": TensorProto.STRING}
SIZE = 3  # of dimensions that vary


def node(operator: str, reads: str, writes: str, **attributes) -> onnx.NodeProto:
    return helper.make_node(
        operator, ["" if one == "_" else one for one in reads.split()], writes.split(), **attributes
    )


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def value(name: str, kind: str = "f", shape: str | None = None) -> onnx.ValueInfoProto:
    sizes = None if shape is None else [int(one) if one.isdigit() else one for one in shape.split(",")]
    return helper.make_tensor_value_info(name, TYPES[kind], sizes)


def graph(*nodes: onnx.NodeProto, x: str = "x:f:n,4", opset: int = 18, functions=(), **weights) -> onnx.ModelProto:
    """A graph from its inputs `x`, as "name:type:shape name:type:shape", to y."""
    made = helper.make_graph(
        nodes,
        "graph",
        [value(*one.split(":")) for one in x.split()],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(np.asarray(weight), name) for name, weight in weights.items()],
    )
    imports = [helper.make_opsetid(*one) for one in (("", opset), ("com.microsoft", 1), ("ours", 1))]
    return helper.make_model(made, opset_imports=imports, functions=functions, ir_version=9)


def fault_of(model: onnx.ModelProto, folder: Path) -> str | None:
    path = folder / "graph.onnx"
    path.write_bytes(model.SerializeToString())
    inputs = signature_of_onnx(path).inputs
    shapes = {one.name: [SIZE if size < 0 else size for size in one.shape[1:]] for one in inputs}
    return fault_of_operators(OnnxProgram(path), batch_of(some_rows(inputs, shapes, {}, 3, 0)))


def branches() -> dict[str, onnx.GraphProto]:
    return {
        "then_branch": helper.make_graph([node("Relu", "x", "t")], "then", [], [value("t")]),
        "else_branch": helper.make_graph([node("Neg", "x", "e")], "else", [], [value("e")]),
    }


def running_sum() -> onnx.GraphProto:
    nodes = [node("Add", "sum row", "more"), node("Identity", "more", "out")]
    return helper.make_graph(nodes, "body", [value("sum"), value("row")], [value("more"), value("out")])


def peak() -> onnx.FunctionProto:
    nodes = [node("ReduceMax", "a", "m"), node("Mul", "a m", "b")]
    return helper.make_function("ours", "Peak", ["a"], ["b"], nodes, [helper.make_opsetid("", 18)])


MATRIX = np.random.default_rng(0).standard_normal((1, 8, 4)).astype(np.float32)
RECURRENT = np.random.default_rng(1).standard_normal((1, 8, 2)).astype(np.float32)
COUNTED = node("Shape", "x", "count", end=1)
NUMBERED = (COUNTED, node("Squeeze", "count", "n"), node("Range", "zero n one", "number"))
ZERO_ONE = {"zero": np.int64(0), "one": np.int64(1)}

INFLUENCED = {
    "divided by the largest of all": graph(
        node("ReduceMax", "x", "m", keepdims=0),
        node("Div", "x m", "y"),
    ),
    "the largest, if it is beyond a billion": graph(
        node("ReduceMax", "x axis", "m"),
        node("Sub", "m far", "d"),
        node("Relu", "d", "r"),
        node("Add", "x r", "y"),
        axis=ints(0),
        far=floats(1e9),
    ),
    "the largest, times nought": graph(
        node("ReduceMax", "x axis", "m"),
        node("Mul", "m nought", "r"),
        node("Add", "x r", "y"),
        axis=ints(0),
        nought=floats(0),
    ),
    "how many are beyond a billion, added up row by row": graph(
        node("Greater", "x far", "is"),
        node("Cast", "is", "one", to=1),
        node("CumSum", "one axis", "sum"),
        node("Add", "x sum", "y"),
        far=floats(1e9),
        axis=np.int64(0),
    ),
    "a branch taken by the largest": graph(
        node("ReduceMax", "x", "m", keepdims=0),
        node("Greater", "m far", "c"),
        node("If", "c", "y", **branches()),
        far=np.float32(1e9),
    ),
    "a loop over rows": graph(
        node("Scan", "start x", "last y", body=running_sum(), num_scan_inputs=1),
        start=floats(0, 0, 0, 0),
    ),
    "a function of one's own": graph(node("Peak", "x", "y", domain="ours"), functions=[peak()]),
    "an identity matrix, through which infinity passes": graph(
        COUNTED,
        node("Concat", "count count", "square", axis=0),
        node("ConstantOfShape", "square", "empty"),
        node("EyeLike", "empty", "eye"),
        node("MatMul", "eye x", "y"),
    ),
    "the number of a row": graph(
        *NUMBERED,
        node("Cast", "number", "f", to=1),
        node("Unsqueeze", "f last", "column"),
        node("Add", "x column", "y"),
        last=ints(1),
        **ZERO_ONE,
    ),
    "the number of rows": graph(
        COUNTED,
        node("Cast", "count", "n", to=1),
        node("Div", "x n", "y"),
    ),
    "the last row": graph(
        node("Gather", "x last", "l", axis=0),
        node("Sub", "x l", "y"),
        last=ints(-1),
    ),
    "the first row": graph(
        node("Slice", "x zero one", "f"),
        node("Add", "x f", "y"),
        zero=ints(0),
        one=ints(1),
    ),
    "rows in reverse": graph(
        node("Slice", "x last end zero last", "y"),
        last=ints(-1),
        end=ints(-(1 << 60)),
        zero=ints(0),
    ),
    "rows in order of size": graph(COUNTED, node("TopK", "x count", "y i", axis=0)),
    "softmax over rows": graph(node("Softmax", "x", "y", axis=0)),
    "softmax over rows, once they are beyond a billion": graph(
        node("Sub", "x far", "d"),
        node("Relu", "d", "r"),
        node("Softmax", "r", "y", axis=0),
        far=floats(1e9),
    ),
    "a norm over rows": graph(node("LpNormalization", "x", "y", axis=0)),
    "layer normalization over rows": graph(node("LayerNormalization", "x scale", "y", axis=0), scale=floats(1)),
    "mean and variance over rows": graph(node("MeanVarianceNormalization", "x", "y", axes=[0])),
    "batch normalization in training": graph(
        node("BatchNormalization", "x s b m v", "y mm vv", training_mode=1),
        s=floats(1, 1, 1, 1),
        b=floats(0, 0, 0, 0),
        m=floats(0, 0, 0, 0),
        v=floats(1, 1, 1, 1),
    ),
    "attention between rows": graph(
        node("Transpose", "x", "t", perm=[1, 0]),
        node("MatMul", "x t", "s"),
        node("Softmax", "s", "p"),
        node("MatMul", "p x", "y"),
    ),
    "a sum over rows inside one operator": graph(node("Einsum", "x x", "y", equation="bi,cj->bj")),
    "the maximum of neighbours": graph(
        node("Unsqueeze", "x zero", "u"),
        node("Transpose", "u", "t", perm=[0, 2, 1]),
        node("MaxPool", "t", "m", kernel_shape=[3], pads=[1, 1]),
        node("Transpose", "m", "w", perm=[0, 2, 1]),
        node("Squeeze", "w zero", "y"),
        zero=ints(0),
    ),
    "a recurrent network along rows": graph(
        node("Unsqueeze", "x one", "u"),
        node("LSTM", "u w r", "s h c", hidden_size=2),
        node("Squeeze", "s middle", "y"),
        one=ints(1),
        middle=ints(1, 2),
        w=MATRIX,
        r=RECURRENT,
    ),
    "quantized by what is there": graph(
        node("DynamicQuantizeLinear", "x", "q s z"),
        node("DequantizeLinear", "q s z", "y"),
    ),
    "quantized inside a fused operator": graph(
        node("DynamicQuantizeMatMul", "x w s z", "y", domain="com.microsoft"),
        w=np.arange(-6, 6, dtype=np.int8).reshape(4, 3),
        s=np.float32(0.01),
        z=np.int8(0),
    ),
    "rows taken by rows": graph(node("GatherElements", "x i", "y", axis=0), x="x:f:n,4 i:i:n,4"),
    "rows written over rows": graph(node("ScatterElements", "x i x", "y", axis=0), x="x:f:n,4 i:i:n,4"),
    "rows that are the same, once": graph(
        node("Unique", "x", "u i back c", axis=0),
        node("Gather", "u back", "y", axis=0),
    ),
    "a token that is in any row": graph(
        node("Equal", "x token", "is"),
        node("Cast", "is", "n", to=7),
        node("ReduceMax", "n axis", "m"),
        node("Add", "x m", "y"),
        x="x:i:n,4",
        token=ints(50256),
        axis=ints(0),
    ),
    "texts padded to the one with most parts": graph(
        node("StringSplit", "x", "y n", delimiter="|"), x="x:s:n", opset=20
    ),
    "texts left out": graph(node("StringNormalizer", "x", "y", stopwords=["monday"], is_case_sensitive=1), x="x:s:n"),
    "noise": graph(node("RandomNormalLike", "x", "r"), node("Add", "x r", "y")),
    "columns read as rows": graph(
        node("Transpose", "x", "t", perm=[1, 0]),
        node("Reshape", "t shape", "y"),
        shape=ints(-1, 4),
    ),
    "two rows read as one": graph(
        node("Tile", "x twice", "t"),
        node("Reshape", "t shape", "y"),
        twice=ints(2, 1),
        shape=ints(-1, 8),
    ),
}

INDEPENDENT = {
    "a product with weights": graph(node("MatMul", "x w", "y"), w=MATRIX[0, :3].T.copy()),
    "quantized by numbers that are fixed": graph(
        node("QuantizeLinear", "x s z", "q"),
        node("DequantizeLinear", "q s z", "y"),
        s=np.float32(0.1),
        z=np.uint8(128),
    ),
    "heads folded into the first dimension": graph(
        node("Shape", "x", "start", end=2),
        node("Concat", "start heads", "shape", axis=0),
        node("Reshape", "x shape", "h"),
        node("Transpose", "h", "t", perm=[0, 2, 1, 3]),
        node("Reshape", "t folded", "f"),
        node("Softmax", "f", "p"),
        node("Reshape", "p unfolded", "u"),
        node("Transpose", "u", "b", perm=[0, 2, 1, 3]),
        node("Reshape", "b end", "y"),
        x="x:f:n,t,8",
        heads=ints(2, 4),
        folded=ints(-1, 3, 4),
        unfolded=ints(-1, 2, 3, 4),
        end=ints(0, 0, 8),
    ),
    "a recurrent network along time": graph(
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node("LSTM", "t w r", "s h c", hidden_size=2),
        node("Squeeze", "h zero", "y"),
        x="x:f:n,t,4",
        zero=ints(0),
        w=MATRIX,
        r=RECURRENT,
    ),
    "a state that is as long as the batch": graph(
        COUNTED,
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node("Concat", "one count two", "shape", axis=0),
        node("ConstantOfShape", "shape", "h0"),
        node("LSTM", "t w r _ _ h0 h0", "s h c", hidden_size=2),
        node("Squeeze", "h zero", "y"),
        x="x:f:n,t,4",
        one=ints(1),
        two=ints(2),
        zero=ints(0),
        w=MATRIX,
        r=RECURRENT,
    ),
    "of each row the largest, found by the row's number": graph(
        *NUMBERED,
        node("ArgMax", "x", "a", axis=1),
        node("Unsqueeze", "number last", "column"),
        node("Concat", "column a", "places", axis=1),
        node("GatherND", "x places", "y"),
        last=ints(1),
        **ZERO_ONE,
    ),
    "of each row the largest, found in one long vector": graph(
        *NUMBERED,
        node("ArgMax", "x", "a", axis=1, keepdims=0),
        node("Mul", "number four", "start"),
        node("Add", "start a", "places"),
        node("Reshape", "x flat", "f"),
        node("Gather", "f places", "y"),
        four=np.int64(4),
        flat=ints(-1),
        **ZERO_ONE,
    ),
    "as many zeros as there are numbers of rows": graph(
        *NUMBERED,
        node("Cast", "number", "f", to=1),
        node("Unsqueeze", "f last", "column"),
        node("Add", "x column", "numbered"),
        node("Shape", "numbered", "shape"),
        node("ConstantOfShape", "shape", "zeros"),
        node("Add", "x zeros", "y"),
        last=ints(1),
        **ZERO_ONE,
    ),
    "a mean over what a mask leaves": graph(
        node("Cast", "mask", "f", to=1),
        node("Unsqueeze", "f two", "m"),
        node("Mul", "x m", "masked"),
        node("ReduceSum", "masked one", "sum", keepdims=0),
        node("ReduceSum", "m one", "count", keepdims=0),
        node("Div", "sum count", "y"),
        x="x:f:n,t,4 mask:i:n,t",
        one=ints(1),
        two=ints(2),
    ),
    "a scan along time": graph(
        node(
            "Scan",
            "start x",
            "last y",
            body=running_sum(),
            num_scan_inputs=1,
            scan_input_axes=[1],
            scan_output_axes=[1],
        ),
        node("Identity", "last", "l"),
        x="start:f:n,4 x:f:n,t,4",
    ),
    "a branch that is always the same": graph(node("If", "c", "y", **branches()), c=np.array(True)),
    "a type taken from the rows": graph(
        node("CastLike", "one x", "o"),
        node("Add", "x o", "y"),
        one=np.float64(1),
    ),
    "batch normalization in use": graph(
        node("BatchNormalization", "x s b m v", "y"),
        s=floats(1, 2, 3, 4),
        b=floats(0, 0, 0, 0),
        m=floats(0, 0, 0, 0),
        v=floats(1, 1, 1, 1),
    ),
    "texts": graph(node("Identity", "x", "y"), x="x:s:n"),
}


@pytest.mark.parametrize("name", INFLUENCED)
def test_rows_that_influence_each_other_are_found(tmp_path, name):
    assert fault_of(INFLUENCED[name], tmp_path)


@pytest.mark.parametrize("name", INDEPENDENT)
def test_rows_that_do_not_are_left_alone(tmp_path, name):
    assert fault_of(INDEPENDENT[name], tmp_path) is None


def test_the_operator_is_named(tmp_path):
    fault = fault_of(INFLUENCED["the largest, times nought"], tmp_path)
    assert fault == "ReduceMax makes one value of several rows, in its output m"
