import numpy as np
import pytest
from graphs import save
from onnx import helper

from app.errors import InvalidArtifact
from app.independence.examples import require_independent_rows
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.tensors import RawTensors, RawTensorsConfig, TensorsKernel
from app.tensors import TensorSpec

EXAMPLES = [({"x": [1, 2, 3]}, {}), ({"x": [-1, 0, 10]}, {})]


def require(nodes, folder, largest=32, **weights) -> None:
    path = save(folder / "graph.onnx", nodes, [("x", "FP32", ["n", 3])], [("y", "FP32", ["n", 3])], **weights)
    fields = {name: [TensorSpec(name=name, datatype="FP32", shape=(-1, 3))] for name in "xy"}
    task = RawTensors(TensorsKernel(RawTensorsConfig(inputs=fields["x"], outputs=fields["y"], batched=True), {}))
    session = load_onnx(path, RuntimeOptions(device="cpu"))
    require_independent_rows(task, {"model": session}, "onnx", {"model": path}, EXAMPLES, largest)


LARGEST_OF_ALL = [
    helper.make_node("ReduceMax", ["x", "axis"], ["largest"]),
    helper.make_node("Sub", ["largest", "far"], ["beyond"]),
    helper.make_node("Relu", ["beyond"], ["more"]),
    helper.make_node("Add", ["x", "more"], ["y"]),
]
WEIGHTS = {"axis": np.array([0], np.int64), "far": np.array([1e9], np.float32)}


def test_rows_that_keep_apart_may_be_published(tmp_path):
    require([helper.make_node("Softmax", ["x"], ["y"])], tmp_path)


def test_rows_that_influence_each_other_may_not_though_no_example_shows_it(tmp_path):
    with pytest.raises(InvalidArtifact, match=r"^rows influence each other, .* up to 32: ReduceMax makes one value"):
        require(LARGEST_OF_ALL, tmp_path, **WEIGHTS)


def test_rows_that_never_share_a_batch_may_be_what_they_are(tmp_path):
    require(LARGEST_OF_ALL, tmp_path, largest=1, **WEIGHTS)
