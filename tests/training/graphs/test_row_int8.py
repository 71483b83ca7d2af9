"""A graph in 8 bits: near what it was, row by row, and smaller."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from graphs import save
from onnx import helper

from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from training.errors import TrainingError
from training.graphs.row_int8 import write_row_int8

RANDOM = np.random.default_rng(0)


def graph(path: Path, outputs: int = 48) -> Path:
    """Tokens to states, through a table, a product with a bias, one without, and few labels."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["states"]),
        helper.make_node("MatMul", ["states", "wide"], ["wider"]),
        helper.make_node("ReduceMean", ["wider", "tokens"], ["pooled"], keepdims=0),
        helper.make_node("Gemm", ["pooled", "head", "bias"], ["hidden"], transB=1),
        helper.make_node("MatMul", ["hidden", "few"], ["labels"]),
    ]

    def weights(*shape: int) -> np.ndarray:
        return RANDOM.standard_normal(shape).astype(np.float32)

    return save(
        path,
        nodes,
        [("ids", "INT64", ["batch", "tokens"])],
        [("labels", "FP32", ["batch", 3])],
        table=weights(100, 40),
        wide=weights(40, outputs),
        head=weights(outputs, outputs),
        bias=weights(outputs),
        few=weights(outputs, 3),
        tokens=np.array([1], np.int64),
    )


def test_products_and_tables_are_in_8_bits_and_few_outputs_are_not(tmp_path: Path) -> None:
    source = graph(tmp_path / "model.onnx")
    target = write_row_int8(source, tmp_path / "int8.onnx")
    kinds = [node.op_type for node in onnx.load(target).graph.node]
    assert (kinds.count("MatMulIntegerToFloat"), kinds.count("MatMul"), kinds.count("Gemm")) == (2, 1, 0)
    assert target.stat().st_size < source.stat().st_size / 2
    first, second = (load_onnx(path, RuntimeOptions(device="cpu")) for path in (source, target))
    ids = RANDOM.integers(0, 100, (5, 7))
    expected, found = (one.run({"ids": ids})["labels"] for one in (first, second))
    assert np.abs(found - expected).max() < 0.03 * np.abs(expected).max()
    alone = np.concatenate([second.run({"ids": ids[at : at + 1]})["labels"] for at in range(5)])
    np.testing.assert_allclose(alone, found, atol=1e-4)


def test_a_graph_without_such_products_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"model\.onnx has no product of rows with weights"):
        write_row_int8(graph(tmp_path / "model.onnx", outputs=8), tmp_path / "int8.onnx")
