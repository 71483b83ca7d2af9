"""Small models made by hand that find things in pictures, and tell apart what is bright, dark, red and blue in them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from graphs import save
from onnx import helper
from starlette.testclient import TestClient
from table_models import serving

from app.repository.manifest import Manifest
from app.repository.publish import publish
from app.tensors import TensorSpec

DETECTOR, SEGMENTER = "things", "colours"
THINGS = ("cat", "cup", "rocket")
COLOURS = ("bright", "dark", "red", "blue")
VARYING = {"resize": {"filter": "bilinear", "shortest_edge": 64, "longest_edge": 96}}
FIXED = {"resize": {"filter": "bilinear", "height": 64, "width": 96}}
BOXES = ((0.5, 0.5, 0.5, 0.75), (0.2, 0.3, 0.3, 0.3), (0.75, 0.8, 0.2, 0.3), (0.1, 0.9, 0.4, 0.4))
LOGITS = ((4.0, 0.0, 0.0), (0.0, 2.0, 0.0), (1.0, -2.0, 3.0), (-3.0, -3.0, -3.0))
TOLD = 1.5  # logits of the first thing are more by this times the brightness of the picture, from 0 to 1
GRID = 8  # pixels on the side of a place whose colour is told

IMAGE = ("image", "UINT8", ["batch", "height", "width", 3])
SPEC = TensorSpec(name="image", datatype="UINT8", shape=(-1, -1, -1, 3))


def publish_detector(
    root: Path,
    scratch: Path,
    name: str = DETECTOR,
    boxes: Sequence[Sequence[float]] = BOXES,
    logits: Sequence[Sequence[float]] = LOGITS,
) -> Manifest:
    """It finds the same in every picture, but is the surer of THINGS[0] the brighter the picture is."""
    nodes = [
        helper.make_node("Cast", ["image"], ["levels"], to=1),
        helper.make_node("ReduceMean", ["levels", "places"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "flat"], ["alone"]),
        helper.make_node("Mul", ["alone", "told"], ["more"]),
        helper.make_node("Add", ["more", "known_logits"], ["logits"]),
        helper.make_node("Mul", ["alone", "nothing"], ["zero"]),
        helper.make_node("Add", ["zero", "known_boxes"], ["boxes"]),
    ]
    weights: dict[str, Any] = {
        "places": np.array([1, 2, 3]),
        "flat": np.array([-1, 1, 1]),
        "told": np.array([TOLD / 255, 0, 0], np.float32),
        "nothing": np.float32(0),
        "known_logits": np.array([logits], np.float32),
        "known_boxes": np.array([boxes], np.float32),
    }
    outputs = (("logits", "FP32", (-1, len(boxes), 3)), ("boxes", "FP32", (-1, len(boxes), 4)))
    described = [(name, kind, ["batch", *shape[1:]]) for name, kind, shape in outputs]
    graph = save(scratch / "detector.onnx", nodes, [IMAGE], described, **weights)
    return publish(
        root, name, {"model.onnx": graph},
        task="object-detection", runtime="onnx", graphs={"model": "model.onnx"}, inputs=(SPEC,),
        outputs=tuple(TensorSpec(name=name, datatype="FP32", shape=shape) for name, _, shape in outputs),
        config={"labels": list(THINGS), "function_to_apply": "sigmoid", "pixels": VARYING, "least_side": 8},
    )  # fmt: skip


def publish_segmenter(root: Path, scratch: Path) -> Manifest:
    """It tells of each place of GRID x GRID pixels which of COLOURS it has."""
    red, green, blue = np.eye(3, dtype=np.float32)
    grey = red + green + blue
    weights: dict[str, Any] = {
        "colours": np.stack([grey, -grey, 3 * (red - blue), 3 * (blue - red)])[..., None, None],
        "more": np.array([-381, 381, 0, 0], np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["levels"], to=1),
        helper.make_node("Transpose", ["levels"], ["channels"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["channels"], ["places"], kernel_shape=[GRID, GRID], strides=[GRID, GRID]),
        helper.make_node("Conv", ["places", "colours", "more"], ["logits"]),
    ]
    shape = (-1, len(COLOURS), -1, -1)
    graph = save(
        scratch / "segmenter.onnx", nodes, [IMAGE], [("logits", "FP32", ["batch", 4, "rows", "columns"])], **weights
    )
    return publish(
        root, SEGMENTER, {"model.onnx": graph},
        task="image-segmentation", runtime="onnx", graphs={"model": "model.onnx"}, inputs=(SPEC,),
        outputs=(TensorSpec(name="logits", datatype="FP32", shape=shape),),
        config={"labels": list(COLOURS), "pixels": FIXED},
    )  # fmt: skip


@contextmanager
def served_pictures(folder: Path) -> Iterator[TestClient]:
    publish_detector(folder / "models", folder)
    publish_segmenter(folder / "models", folder)
    with serving(folder / "models") as client:
        yield client
