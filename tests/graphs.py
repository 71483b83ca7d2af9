"""Small graphs for the tests of tensors: each does what its name says."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from app.repository.manifest import Golden, Manifest
from app.repository.publish import publish
from app.tensors import TensorSpec

ELEMENTS = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}

Described = tuple[str, str, Sequence[int | str]]


def save(
    path: Path, nodes: list[onnx.NodeProto], inputs: list[Described], outputs: list[Described], opset=18, **weights
) -> Path:
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(name, ELEMENTS[datatype], shape) for name, datatype, shape in inputs],
        [helper.make_tensor_value_info(name, ELEMENTS[datatype], shape) for name, datatype, shape in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10), path)
    return path


def publish_tensors(
    root: Path, name: str, graph: Path, inputs: list[Described], outputs: list[Described], batched=True, **fields: Any
) -> Manifest:
    """A graph as `save` has made it, whose dimensions with a name vary."""
    specs = [[_spec(*one) for one in tensors] for tensors in (inputs, outputs)]
    told = [[one.model_dump() for one in tensors] for tensors in specs]
    return publish(
        root, name, {"model.onnx": graph}, task="tensors", runtime="onnx", graphs={"model": "model.onnx"},
        inputs=specs[0], outputs=specs[1], config={"inputs": told[0], "outputs": told[1], "batched": batched}, **fields,
    )  # fmt: skip


def _spec(name: str, datatype: str, sizes: Sequence[int | str]) -> TensorSpec:
    return TensorSpec(name=name, datatype=datatype, shape=[-1 if isinstance(one, str) else one for one in sizes])


def doubled_and_summed(path: Path) -> Path:
    """x [rows, 3] to `doubled` [rows, 3] and `sum` [rows]."""
    nodes = [
        helper.make_node("Mul", ["x", "two"], ["doubled"]),
        helper.make_node("ReduceSum", ["x", "last"], ["sum"], keepdims=0),
    ]
    return save(
        path, nodes, [("x", "FP32", ["n", 3])], [("doubled", "FP32", ["n", 3]), ("sum", "FP32", ["n"])],
        two=np.array(2, np.float32), last=np.array([1], np.int64),
    )  # fmt: skip


def looked_up(path: Path) -> Path:
    """ids [batch] to their rows of a table of three, y [batch, 2]."""
    nodes = [helper.make_node("Gather", ["table", "ids"], ["y"])]
    table = np.arange(6, dtype=np.float32).reshape(3, 2)
    return save(path, nodes, [("ids", "INT64", ["batch"])], [("y", "FP32", ["batch", 2])], table=table)


def cache(path: Path) -> Path:
    """x [batch, 1, 4] behind past [batch, steps, 4]."""
    nodes = [helper.make_node("Concat", ["past", "x"], ["present"], axis=1)]
    inputs = [("x", "FP32", ["batch", 1, 4]), ("past", "FP32", ["batch", "steps", 4])]
    return save(path, nodes, inputs, [("present", "FP32", ["batch", "all", 4])])


def filled(path: Path) -> Path:
    """Zeros of the three sizes in `shape` [3]."""
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["y"])]
    return save(path, nodes, [("shape", "INT64", [3])], [("y", "FP32", ["a", "b", "c"])])


def copied(path: Path, *datatypes: str) -> Path:
    """An input in_<datatype> and an output out_<datatype> of each, both [rows, 2]."""
    nodes = [helper.make_node("Identity", [f"in_{one}"], [f"out_{one}"]) for one in datatypes]
    return save(
        path, nodes,
        [(f"in_{one}", one, ["n", 2]) for one in datatypes], [(f"out_{one}", one, ["n", 2]) for one in datatypes],
    )  # fmt: skip


def cumulated(path: Path) -> Path:
    """x [numbers] to `y`, its running sums: all of it is one row, for each number depends on those before."""
    nodes = [helper.make_node("CumSum", ["x", "axis"], ["y"])]
    return save(path, nodes, [("x", "FP32", ["n"])], [("y", "FP32", ["n"])], axis=np.array(0, np.int64))


def publish_cumulated(root: Path, scratch: Path) -> Manifest:
    x, y = ("x", "FP32", ["n"]), ("y", "FP32", ["n"])
    return publish_tensors(root, "sums", cumulated(scratch / "sums.onnx"), [x], [y], batched=False)


def counting(path: Path) -> Path:
    """x [rows, 1] to `y`, the same, after counting to the largest x in a loop: a row of 1e12 never ends."""
    scalar = [helper.make_tensor_value_info(name, kind, []) for name, kind in (
        ("i", TensorProto.INT64), ("go_on", TensorProto.BOOL), ("count", TensorProto.FLOAT),
        ("go_on_too", TensorProto.BOOL), ("next", TensorProto.FLOAT),
    )]  # fmt: skip
    steps = [
        helper.make_node("Identity", ["go_on"], ["go_on_too"]),
        helper.make_node("Add", ["count", "one"], ["next"]),
    ]
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["trips"], to=TensorProto.INT64),
        helper.make_node("Loop", ["trips", "yes", "zero"], ["end"], body=helper.make_graph(
            steps, "count", scalar[:3], scalar[3:]
        )),
        helper.make_node("Mul", ["end", "zero"], ["nothing"]),
        helper.make_node("Add", ["x", "nothing"], ["y"]),
    ]  # fmt: skip
    return save(
        path, nodes, [("x", "FP32", ["n", 1])], [("y", "FP32", ["n", 1])],
        yes=np.array(True), zero=np.array(0, np.float32), one=np.array(1, np.float32),
    )  # fmt: skip


def publish_counting(root: Path, scratch: Path, name: str = "counting", golden: Sequence[float] = ()) -> Manifest:
    """`counting`, whose rows share batches. With a golden example of very many steps it hangs while it is loaded."""
    known = tuple(Golden(input={"x": [steps]}, output={"y": [steps]}) for steps in golden)
    x, y = ("x", "FP32", ["n", 1]), ("y", "FP32", ["n", 1])
    return publish_tensors(root, name, counting(scratch / f"{name}.onnx"), [x], [y], golden=known)


def publish_brightness(root: Path, scratch: Path, size: int = 8) -> Manifest:
    """An image classifier whose classes are red, green and blue, by their mean over `size` x `size` pixels."""
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels", "sides"], ["means"], keepdims=0),
        helper.make_node("Softmax", ["means"], ["probabilities"]),
    ]
    files = {
        "model.onnx": save(
            scratch / "brightness.onnx", nodes, [("image", "UINT8", ["n", size, size, 3])],
            [("probabilities", "FP32", ["n", 3])], sides=np.array([1, 2], np.int64),
        ),
        "labels.json": scratch / "labels.json",
    }  # fmt: skip
    files["labels.json"].write_text('["red", "green", "blue"]')
    return publish(
        root, "brightness", files,
        task="image-classification", runtime="onnx", graphs={"model": "model.onnx"},
        inputs=(TensorSpec(name="image", datatype="UINT8", shape=(-1, size, size, 3)),),
        outputs=(TensorSpec(name="probabilities", datatype="FP32", shape=(-1, 3)),),
        config={"labels": "labels.json", "image_size": size},
    )  # fmt: skip


def publish_recommender(root: Path, scratch: Path, titles: Sequence[str]) -> Manifest:
    """A recommender that scores each item of a catalogue by how late it stands in it, whatever the history is."""
    nodes = [
        helper.make_node("Cast", ["item_ids"], ["history"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["history", "entries"], ["sum"], keepdims=1),
        helper.make_node("Mul", ["sum", "nothing"], ["zero"]),
        helper.make_node("Add", ["zero", "places"], ["scores"]),
    ]
    items = [{"id": i, "title": title, "genres": [], "popularity": i} for i, title in enumerate(["", *titles])]
    files = {
        "model.onnx": save(
            scratch / "places.onnx", nodes, [("item_ids", "INT64", ["n", 4])], [("scores", "FP32", ["n", len(items)])],
            entries=np.array([1], np.int64), nothing=np.zeros(1, np.float32),
            places=np.arange(len(items), dtype=np.float32)[np.newaxis],
        ),
        "items.json": scratch / "items.json",
    }  # fmt: skip
    files["items.json"].write_text(json.dumps(items))
    return publish(
        root, "places", files,
        task="recommendation", runtime="onnx", graphs={"model": "model.onnx"},
        inputs=(TensorSpec(name="item_ids", datatype="INT64", shape=(-1, 4)),),
        outputs=(TensorSpec(name="scores", datatype="FP32", shape=(-1, len(items))),),
        config={"catalogue": "items.json", "max_history": 4},
    )  # fmt: skip


def publish_features(root: Path, scratch: Path, size: int = 8) -> Manifest:
    """A photo to its mean red, green and blue, as a model of the task image-feature-extraction."""
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels", "sides"], ["features"], keepdims=0),
    ]
    graph = save(
        scratch / "features.onnx", nodes, [("image", "UINT8", ["n", size, size, 3])],
        [("features", "FP32", ["n", 3])], sides=np.array([1, 2], np.int64),
    )  # fmt: skip
    return publish(
        root, "photo-features", {"model.onnx": graph},
        task="image-feature-extraction", runtime="onnx", graphs={"model": "model.onnx"},
        inputs=(TensorSpec(name="image", datatype="UINT8", shape=(-1, size, size, 3)),),
        outputs=(TensorSpec(name="features", datatype="FP32", shape=(-1, 3)),),
        config={"image_size": size},
    )  # fmt: skip


def publish_head(root: Path, scratch: Path, weights: Sequence[Sequence[float]] = ((1, 0), (0, 1), (0, 0))) -> Manifest:
    """Features [rows, 3] to scores [rows, 2], a model of the task tensors."""
    nodes = [helper.make_node("MatMul", ["features", "weights"], ["scores"])]
    features, scores = ("features", "FP32", ["n", 3]), ("scores", "FP32", ["n", 2])
    graph = save(scratch / "head.onnx", nodes, [features], [scores], weights=np.array(weights, np.float32))
    return publish_tensors(root, "head", graph, [features], [scores])


def publish_table(root: Path, scratch: Path) -> None:
    """A model of three numbers, which fails on every place that is not in its table."""
    nodes = [helper.make_node("Gather", ["table", "place"], ["number"])]
    place, number = ("place", "INT64", ["n", 1]), ("number", "FP32", ["n", 1])
    graph = save(scratch / "table.onnx", nodes, [place], [number], table=np.arange(3, dtype=np.float32))
    publish_tensors(root, "table", graph, [place], [number])
