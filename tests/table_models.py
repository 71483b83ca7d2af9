"""Models of tables, whose graphs are written by hand: who leaves, and what that costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from conftest import ready
from engines import far_engine
from onnx import TensorProto, helper, numpy_helper
from starlette.testclient import TestClient

from app.api.app import create_app
from app.api.http.limits import Limits
from app.repository.publish import publish
from app.telemetry import Telemetry
from app.tensors import TensorSpec

COLUMNS = [
    {"name": "months", "kind": "number", "may_be_missing": True, "seen": [0, 72], "typical": 10},
    {"name": "contract", "kind": "category", "categories": ["monthly", "yearly"], "typical": "monthly"},
    {"name": "charge", "kind": "number", "seen": [18.25, 118.75], "typical": 20.0},
]
ROW = {"months": 10, "contract": "monthly", "charge": 20.0}


def logit(months: float | None, contract: str, charge: float) -> float:
    """By hand, what the graph computes."""
    return -0.1 * (months or 0) + 0.05 * charge + {"monthly": 1.0, "yearly": -2.0}.get(contract, 0.0)


def write_graph(path: Path, *, of_classes: bool) -> Path:
    nodes = [
        helper.make_node("IsNaN", ["numbers"], ["is_missing"]),
        helper.make_node("Where", ["is_missing", "zero", "numbers"], ["known"]),
        helper.make_node("MatMul", ["known", "of_numbers"], ["first"]),
        helper.make_node(
            "OneHotEncoder", ["categories"], ["coded"], domain="ai.onnx.ml", zeros=1, cats_strings=["monthly", "yearly"]
        ),
        helper.make_node("Reshape", ["coded", "flat"], ["codes"]),
        helper.make_node("MatMul", ["codes", "of_categories"], ["second"]),
        helper.make_node("Add", ["first", "second"], ["value"]),
    ]
    if of_classes:
        nodes += [
            helper.make_node("Sigmoid", ["value"], ["leaves"]),
            helper.make_node("Sub", ["one", "leaves"], ["stays"]),
            helper.make_node("Concat", ["stays", "leaves"], ["probabilities"], axis=1),
        ]
    constants = {
        "zero": np.float32(0),
        "one": np.float32(1),
        "of_numbers": np.array([[-0.1], [0.05]], np.float32),
        "of_categories": np.array([[1], [-2]], np.float32),
        "flat": np.array([-1, 2], np.int64),
    }
    name, size = ("probabilities", 2) if of_classes else ("value", 1)
    graph = helper.make_graph(
        nodes,
        "table",
        [
            helper.make_tensor_value_info("numbers", TensorProto.FLOAT, ["batch", 2]),
            helper.make_tensor_value_info("categories", TensorProto.STRING, ["batch", 1]),
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])],
        [numpy_helper.from_array(np.asarray(value), each) for each, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def publish_tables(root: Path, scratch: Path) -> None:
    """The models `leaving`, of the classes stays and leaves, and `cost`, with an interval of 2 to both sides."""
    inputs = (
        TensorSpec(name="numbers", datatype="FP32", shape=(-1, 2)),
        TensorSpec(name="categories", datatype="BYTES", shape=(-1, 1)),
    )
    publish(
        root, "leaving", {"model.onnx": write_graph(scratch / "leaving.onnx", of_classes=True)},
        task="tabular-classification", runtime="onnx", graphs={"model": "model.onnx"}, inputs=inputs,
        outputs=(TensorSpec(name="probabilities", datatype="FP32", shape=(-1, 2)),),
        config={"target": "left", "columns": COLUMNS, "labels": ["stays", "leaves"]},
    )  # fmt: skip
    publish(
        root, "cost", {"model.onnx": write_graph(scratch / "cost.onnx", of_classes=False)},
        task="tabular-regression", runtime="onnx", graphs={"model": "model.onnx"}, inputs=inputs,
        outputs=(TensorSpec(name="value", datatype="FP32", shape=(-1, 1)),),
        config={"target": "cost", "columns": COLUMNS, "reach": {"probability": 0.9, "distance": 2.0}},
    )  # fmt: skip


@contextmanager
def serving(models: Path, max_items: int = 8) -> Iterator[TestClient]:
    """The models of a repository, ready, with the engine at the other end of a pickle."""
    telemetry = Telemetry()
    engine = far_engine(models, telemetry)
    with ready(create_app(engine, telemetry, Limits(max_items=max_items, request_timeout_s=10))) as client:
        yield client


@contextmanager
def served_tables(folder: Path) -> Iterator[TestClient]:
    publish_tables(folder / "models", folder)
    with serving(folder / "models") as client:
        yield client
