"""A classifier of grey pictures with two classes, bright and dark, and the service around it."""

import io
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import far_app, ready
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from app.repository.publish import publish
from app.tensors import TensorSpec


def brightness_graph(path):
    """Two classes: bright, by the mean of all pixels, and dark."""
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0),
            helper.make_node("Div", ["mean", "white"], ["bright"]),
            helper.make_node("Sub", ["one", "bright"], ["dark"]),
            helper.make_node("Unsqueeze", ["bright", "last"], ["bright_2d"]),
            helper.make_node("Unsqueeze", ["dark", "last"], ["dark_2d"]),
            helper.make_node("Concat", ["bright_2d", "dark_2d"], ["probabilities"], axis=1),
        ],
        "brightness",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", 16, 16, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 2])],
        [
            numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes"),
            numpy_helper.from_array(np.array([1], np.int64), "last"),
            numpy_helper.from_array(np.float32(255).reshape(()), "white"),
            numpy_helper.from_array(np.float32(1).reshape(()), "one"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def publish_brightness(root: Path, scratch: Path) -> None:
    labels = scratch / "labels.json"
    labels.write_text('["bright", "dark"]')
    publish(
        root, "brightness", {"model.onnx": brightness_graph(scratch / "b.onnx"), "labels.json": labels},
        task="image-classification", runtime="onnx", graphs={"model": "model.onnx"},
        inputs=(TensorSpec(name="image", datatype="UINT8", shape=(-1, 16, 16, 3)),),
        outputs=(TensorSpec(name="probabilities", datatype="FP32", shape=(-1, 2)),),
        config={"labels": "labels.json", "image_size": 16, "resize_margin": 0},
    )  # fmt: skip


@pytest.fixture(scope="module")
def client(kept_models_dir, tmp_path_factory):
    publish_brightness(kept_models_dir, tmp_path_factory.mktemp("brightness"))
    with ready(far_app(kept_models_dir)) as client:
        yield client


def picture(grey, form="PNG"):
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), (grey, grey, grey)).save(buffer, form)
    return buffer.getvalue()


WHITE, BLACK = picture(255), picture(0)
