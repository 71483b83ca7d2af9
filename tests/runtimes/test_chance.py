from pathlib import Path

import onnx
import pytest
import torch
from graphs import save
from onnx import helper
from torch.nn import functional

from app.runtimes.chance import draws_at_random

X, Y = ("x", "FP32", ["n", 3]), ("y", "FP32", ["n", 3])


def written(path: Path, *nodes: onnx.NodeProto, **weights) -> Path:
    return save(path / "model.onnx", [*nodes], [X], [Y], **weights)


@pytest.mark.parametrize("operator", ["RandomNormalLike", "RandomUniformLike", "Bernoulli"])
def test_operators_that_draw(tmp_path, operator):
    assert draws_at_random(written(tmp_path, helper.make_node(operator, ["x"], ["y"])))


def test_what_computes_and_dropout_that_does_nothing(tmp_path):
    assert not draws_at_random(written(tmp_path, helper.make_node("Dropout", ["x"], ["y"])))


def test_inside_of_a_branch(tmp_path):
    branches = {
        f"{name}_branch": helper.make_graph([node], name, [], [helper.make_tensor_value_info("y", 1, None)])
        for name, node in (
            ("then", helper.make_node("RandomNormalLike", ["x"], ["y"])),
            ("else", helper.make_node("Identity", ["x"], ["y"])),
        )
    }
    nodes = [
        helper.make_node("Constant", [], ["yes"], value=helper.make_tensor("yes", onnx.TensorProto.BOOL, [], [True])),
        helper.make_node("If", ["yes"], ["y"], **branches),
    ]
    assert draws_at_random(written(tmp_path, *nodes))


@pytest.mark.parametrize(
    ("computes", "draws"),
    [
        (lambda x: functional.dropout(x, training=False) + 1, False),
        (lambda x: functional.dropout(x, training=True), True),
        (lambda x: x + torch.rand_like(x), True),
        (lambda x: x + torch.randn(3), True),
        (lambda x: torch.bernoulli(x), True),
    ],
)
def test_programs_of_pytorch(tmp_path, computes, draws):
    class Network(torch.nn.Module):
        def forward(self, x):
            return computes(x)

    path = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(Network().eval(), (torch.ones(2, 3),)), path)
    assert draws_at_random(path) is draws


def test_what_cannot_be_read_may_draw(tmp_path):
    for name in ("model.onnx", "model.pt2"):
        (tmp_path / name).write_bytes(b"\xff\xff nonsense")
        assert draws_at_random(tmp_path / name)
