"""Graphs that once were served wrongly or not at all; what each computes is its name."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from engines import infer, near_engine, tensors_of

from app.adding.command import Wishes, add
from app.tensors import Tensors

CASES = Path(__file__).parent / "cases"
FIRST = "no first dimension in common"


@pytest.mark.parametrize(
    ("case", "why"),
    [
        pytest.param("dynquant", "DynamicQuantizeLinear mixes rows", id="quantized by the largest of the batch"),
        pytest.param("peaknorm", "ReduceMax makes one value", id="divided by the largest of the batch"),
        pytest.param("max-batch", "ReduceMax makes one value", id="multiplied by the largest of the batch"),
        pytest.param("l2-batch", "ReduceL2 makes one value", id="divided by the norm over the batch"),
        pytest.param("tril", "Trilu answers a row by its place", id="a triangle of the batch"),
        pytest.param("split", "shape depends on what rows hold", id="padded to the longest text of the batch"),
        pytest.param("view", "1 rows gave 3 rows of logits", id="more rows out than in"),
        pytest.param("prelu", FIRST, id="a slope for each column"),
        pytest.param("two-lengths", FIRST, id="two vectors of different length"),
        pytest.param("bcast", FIRST, id="one bias for all rows"),
        pytest.param("firstdims2", FIRST, id="a table and indices"),
        pytest.param("shape-input", FIRST, id="a shape"),
        pytest.param("empty", FIRST, id="a dimension of size 0"),
    ],
)
def test_rows_that_influence_each_other_are_run_one_by_one(tmp_path, case, why):
    added = add(CASES / f"{case}.onnx", case, tmp_path)
    assert why in added.unbatched
    assert added.manifest.config["batched"] is False
    assert added.manifest.batching.max_batch_size == 1


@pytest.mark.parametrize("case", ["hw_chan", "kv_cache"])
def test_rows_that_do_not_share_batches(tmp_path, case):
    added = add(CASES / f"{case}.onnx", "case", tmp_path)
    assert added.unbatched == ""
    assert added.manifest.config["batched"] is True


def served(models: Path, name: str, requests: list[Tensors]) -> list[Tensors]:
    """Answers to requests that come at the same time."""

    async def ask() -> list[Tensors]:
        engine = near_engine(models)
        await engine.load(name)
        inferences = await asyncio.gather(*(infer(engine, name, one) for one in requests))
        await engine.stop()
        return [tensors_of(one) for one in inferences]

    return asyncio.run(ask())


def test_a_stranger_does_not_change_an_answer(tmp_path):
    add(CASES / "dynquant.onnx", "dynquant", tmp_path)
    mine = {"x": np.arange(16, dtype=np.float32).reshape(1, 16) / 100}
    stranger = {"x": np.full((1, 16), 1000, np.float32)}
    (alone,) = served(tmp_path, "dynquant", [mine])
    beside = served(tmp_path, "dynquant", [mine, *[stranger] * 20])[0]
    assert alone["y"].tolist() == beside["y"].tolist()


def test_sizes_that_differ_are_found(tmp_path):
    """Three channels, and pictures that a kernel of 33 x 33 fits into."""
    manifest = add(CASES / "hw_chan.onnx", "pictures", tmp_path).manifest
    channels, height, width = manifest.config["probe_shapes"]["x"]
    assert channels == 3
    assert min(height, width) >= 33


def test_sizes_can_be_given(tmp_path):
    manifest = add(CASES / "hw_chan.onnx", "pictures", tmp_path, Wishes(sizes={"C": 3, "H": 40, "W": 50})).manifest
    assert manifest.config["probe_shapes"]["x"] == [3, 40, 50]
