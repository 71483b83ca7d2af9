"""A tiny model of tensors, so that their routes are tried, too."""

import subprocess
import sys
import tempfile
from pathlib import Path

import onnx
from onnx import TensorProto, helper


def save_own(models: Path, name: str) -> None:
    """Publish x [batch, 3], texts [batch, 1] to sums and the same texts."""
    graph = helper.make_graph(
        [
            helper.make_node("ReduceSum", ["x", "last"], ["sum"], keepdims=0),
            helper.make_node("Identity", ["texts"], ["same"]),
        ],
        "own",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3]),
            helper.make_tensor_value_info("texts", TensorProto.STRING, ["batch", 1]),
        ],
        [
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["batch"]),
            helper.make_tensor_value_info("same", TensorProto.STRING, ["batch", 1]),
        ],
        [helper.make_tensor("last", TensorProto.INT64, [1], [1])],
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "own.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), file)
        command = [sys.executable, "-m", "app", "models", "add", str(file), "--name", name]
        subprocess.run(command, check=True, env={"TESSERA_MODELS_DIR": str(models), "PATH": "", "PYTHONPATH": "."})
