"""Small models for faults: each does what its name says. And a real one beside them, if it is there."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from app.repository.manifest import Golden, Manifest
from app.repository.publish import publish, version_numbers
from app.tensors import TensorSpec

REAL = "reviews-sentiment"
FOR_EVER = 1e12
DEADLY = 1e30
TABLE_ROWS = 16


def doubled(
    root: Path, scratch: Path, name: str = "doubled", times: float = 2, golden: Sequence[float] = ()
) -> Manifest:
    """Publish x [rows, 3] to twice that, or so many times. Under the name `mortal`, see mortal.py."""
    nodes = [helper.make_node("Mul", ["x", "factor"], ["y"])]
    graph = _saved(scratch / f"{name}.onnx", _rows(nodes, 3, factor=np.array(times, np.float32)))
    return _published(root, name, graph, 3, golden)


def counting(root: Path, scratch: Path, name: str = "counting", golden: Sequence[float] = ()) -> Manifest:
    """Publish x [rows, 1] to itself, after counting to the largest x, a microsecond a step: a row of FOR_EVER hangs.

    With a `golden` example of so many steps it hangs while it is loaded.
    """
    scalar = {
        "i": TensorProto.INT64, "go_on": TensorProto.BOOL, "count": TensorProto.FLOAT,
        "go_on_too": TensorProto.BOOL, "next": TensorProto.FLOAT,
    }  # fmt: skip
    ends = [helper.make_tensor_value_info(each, kind, []) for each, kind in scalar.items()]
    steps = [
        helper.make_node("Identity", ["go_on"], ["go_on_too"]),
        helper.make_node("Add", ["count", "one"], ["next"]),
    ]
    body = helper.make_graph(steps, "count", ends[:3], ends[3:])
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["trips"], to=TensorProto.INT64),
        helper.make_node("Loop", ["trips", "yes", "zero"], ["end"], body=body),
        helper.make_node("Mul", ["end", "zero"], ["nothing"]),
        helper.make_node("Add", ["x", "nothing"], ["y"]),
    ]
    zero, one = np.array(0, np.float32), np.array(1, np.float32)
    graph = _saved(scratch / f"{name}.onnx", _rows(nodes, 1, yes=np.array(True), zero=zero, one=one))
    return _published(root, name, graph, 1, golden)


def picky(root: Path, scratch: Path) -> Manifest:
    """Publish x [rows, 1] to a row of a table: the graph itself fails on an index that is not in it."""
    nodes = [
        helper.make_node("Cast", ["x"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["y"]),
    ]
    graph = _saved(scratch / "picky.onnx", _rows(nodes, 1, table=np.arange(TABLE_ROWS, dtype=np.float32) * 10))
    return _published(root, "picky", graph, 1)


def brightness(root: Path, scratch: Path, size: int = 8) -> Manifest:
    """Publish an image classifier whose classes are red, green and blue, by their means over a picture."""
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels", "sides"], ["means"], keepdims=0),
        helper.make_node("Softmax", ["means"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", size, size, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(np.array([1, 2], np.int64), "sides")],
    )
    files = {"model.onnx": _saved(scratch / "brightness.onnx", graph), "labels.json": scratch / "labels.json"}
    files["labels.json"].write_text('["red", "green", "blue"]')
    return publish(
        root, "brightness", files,
        task="image-classification", runtime="onnx", graphs={"model": "model.onnx"},
        inputs=(TensorSpec(name="image", datatype="UINT8", shape=(-1, size, size, 3)),),
        outputs=(TensorSpec(name="probabilities", datatype="FP32", shape=(-1, 3)),),
        config={"labels": "labels.json", "image_size": size},
    )  # fmt: skip


def real(root: Path, models: Path = Path("models")) -> str | None:
    """Copy the newest version of a real model. Return its name, or None if this checkout has none."""
    versions = version_numbers(models / REAL)
    if not versions:
        return None
    shutil.copytree(models / REAL / str(versions[-1]), root / REAL / str(versions[-1]))
    return REAL


def _rows(nodes: list[onnx.NodeProto], width: int, **weights: np.ndarray) -> onnx.GraphProto:
    return helper.make_graph(
        nodes,
        "rows",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", width])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )


def _saved(path: Path, graph: onnx.GraphProto) -> Path:
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def _published(root: Path, name: str, graph: Path, width: int, golden: Sequence[float] = ()) -> Manifest:
    x, y = (TensorSpec(name=each, datatype="FP32", shape=(-1, width)) for each in "xy")
    return publish(
        root, name, {"model.onnx": graph},
        task="tensors", runtime="onnx", graphs={"model": "model.onnx"}, inputs=(x,), outputs=(y,),
        config={"inputs": [x.model_dump()], "outputs": [y.model_dump()], "batched": True},
        golden=tuple(Golden(input={"x": [one] * width}, output={"y": [one] * width}) for one in golden),
    )  # fmt: skip
