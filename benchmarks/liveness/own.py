"""Graphs that give back what they get: what they cost is what reading and writing cost."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from app.adding.command import add_model

NUMBERS, BYTES = "echo-numbers", "echo-bytes"


def publish_echoes(models: Path, scratch: Path) -> None:
    """Publish under `models` a graph for fp32 and one for texts, each of any shape [rows, columns]."""
    for name, kind in ((NUMBERS, TensorProto.FLOAT), (BYTES, TensorProto.STRING)):
        graph = helper.make_graph(
            [helper.make_node("Identity", ["x"], ["y"])],
            name,
            [helper.make_tensor_value_info("x", kind, ["rows", "columns"])],
            [helper.make_tensor_value_info("y", kind, ["rows", "columns"])],
        )
        file = scratch / f"{name}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), file)
        add_model(file, name, models)
