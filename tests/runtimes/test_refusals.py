"""Sentences of real kernels, and which failures are no refusals."""

from pathlib import Path

import numpy as np
import pytest
import torch
from graphs import helper, save

from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.runtimes.pytorch import load_pytorch
from app.runtimes.refusals import refusals, sentence
from app.tensors import GraphRefused

CPU = RuntimeOptions(device="cpu", threads=1)
PAIR = [("x", "FP32", ["a", "b"]), ("z", "FP32", ["c", "d"])]
ONES = {"x": np.ones((2, 3), np.float32), "z": np.ones((3, 2), np.float32)}


@pytest.mark.parametrize(
    ("node", "says"),
    [
        (
            helper.make_node("Add", ["x", "z"], ["y"]),
            "Add: Attempting to broadcast an axis by a dimension other than 1",
        ),
        (helper.make_node("Concat", ["x", "z"], ["y"], axis=0), "Non concat axis dimensions must match"),
        (helper.make_node("MatMul", ["x", "x"], ["y"]), "MatMul dimension mismatch"),
        (helper.make_node("Squeeze", ["x"], ["y"], axes=[0]), "Dimension of input 0 must be 1"),
    ],
    ids=lambda one: getattr(one, "op_type", ""),
)
def test_a_graph_says_in_one_line_what_it_cannot_compute(tmp_path: Path, node, says):
    opset = 11 if node.op_type == "Squeeze" else 18
    path = save(tmp_path / "m.onnx", [node], PAIR, [("y", "FP32", None)], opset=opset)
    with pytest.raises(GraphRefused) as raised:
        load_onnx(path, CPU).run(ONES)
    assert says in str(raised.value)
    assert not any(sign in str(raised.value) for sign in ("/", "\n", ".cc", ".h:"))


def test_a_program_says_what_it_cannot_compute(tmp_path: Path):
    class Lookup(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Embedding(3, 2)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.table(ids)

    path = tmp_path / "m.pt2"
    torch.export.save(torch.export.export(Lookup().eval(), (torch.zeros(2, dtype=torch.int64),)), path)
    with pytest.raises(GraphRefused, match="index out of range"):
        load_pytorch(path, CPU).run({"ids": np.array([0, 9])})


@pytest.mark.parametrize("says", ["CUDA failure 700: illegal memory access", "cuDNN error", "CUBLAS_STATUS_FAILED"])
def test_a_device_that_fails_is_not_the_inputs_fault(says):
    with pytest.raises(RuntimeError, match=says), refusals():
        raise RuntimeError(says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it failed without a word"),
        ("first\nsecond", "first"),
        ("x" * 100_000, "x" * 300),
        ("Status Message: while running", "Status Message: while running"),
    ],
    ids=["nothing", "two lines", "long", "half a form"],
)
def test_a_sentence_is_short_and_one_line(text, says):
    assert sentence(text) == says
