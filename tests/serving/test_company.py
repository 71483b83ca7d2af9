"""Versions that say of themselves that their rows share batches, and do not say by which proof."""

import asyncio
import logging
from pathlib import Path

import numpy as np
import pytest
from engines import infer, tensors_of
from graphs import doubled_and_summed

from app.adding.command import add_model
from app.repository.manifest import Manifest
from app.repository.publish import publish
from app.repository.repository import ModelRepository
from app.runtimes import PROGRAMS
from app.runtimes.options import RuntimeOptions
from app.serving.loading import load
from app.serving.local import LocalEngine
from app.telemetry import Telemetry
from app.tensors import TensorSpec

CASES = Path(__file__).parents[1] / "adding" / "cases"
ON_CPU = RuntimeOptions(device="cpu")


def published(models: Path, file: Path, *outputs: TensorSpec, width: int) -> Manifest:
    """As it was written before there was a proof."""
    inputs = (TensorSpec(name="x", datatype="FP32", shape=(-1, width)),)
    config = {
        "inputs": [one.model_dump() for one in inputs],
        "outputs": [one.model_dump() for one in outputs],
        "batched": True,
    }
    return publish(
        models, "old", {"model.onnx": file},
        task="tensors", runtime="onnx", graphs={"model": "model.onnx"}, inputs=inputs, outputs=outputs, config=config,
    )  # fmt: skip


def peak(models: Path) -> Manifest:
    return published(models, CASES / "peaknorm.onnx", TensorSpec(name="y", datatype="FP32", shape=(-1, 4)), width=4)


def loaded(models: Path, manifest: Manifest):
    repository = ModelRepository(models)
    return load(manifest, lambda: repository.verify(manifest), ON_CPU)


def test_rows_that_influence_each_other_are_run_one_by_one_with_a_warning(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        assert loaded(tmp_path, peak(tmp_path)).max_batch_size == 1
    (record,) = caplog.records
    assert "old version 1: each row is run by itself, since ReduceMax makes one value" in record.getMessage()


def test_the_answer_to_a_row_is_that_to_it_alone(tmp_path):
    peak(tmp_path)
    mine, stranger = np.array([[1, 0, 0, 0]], np.float32), np.full((1, 4), 100, np.float32)

    async def ask() -> list[list[float]]:
        engine = LocalEngine(ModelRepository(tmp_path), Telemetry(), options=ON_CPU)
        await engine.load("old")
        requests = [mine, *[stranger] * 20]
        answers = await asyncio.gather(*(infer(engine, "old", {"x": one}) for one in requests))
        together = await infer(engine, "old", {"x": np.concatenate(requests)})
        await engine.stop()
        return [tensors_of(answers[0])["y"][0].tolist(), tensors_of(together)["y"][0].tolist()]

    for answer in asyncio.run(ask()):
        assert answer == pytest.approx([1, 0, 0, 0], abs=1e-5)


def test_rows_that_keep_apart_share_batches_as_before(tmp_path, caplog):
    outputs = (
        TensorSpec(name="doubled", datatype="FP32", shape=(-1, 3)),
        TensorSpec(name="sum", datatype="FP32", shape=(-1,)),
    )
    manifest = published(tmp_path, doubled_and_summed(tmp_path / "two.onnx"), *outputs, width=3)
    with caplog.at_level(logging.WARNING):
        assert loaded(tmp_path, manifest).max_batch_size == manifest.batching.max_batch_size
    assert not caplog.records


def test_what_cannot_be_looked_at_is_served_row_by_row(tmp_path, caplog, monkeypatch):
    def unreadable(file: Path) -> None:
        raise RuntimeError("an operator that nobody knows")

    monkeypatch.setitem(PROGRAMS, "onnx", unreadable)
    with caplog.at_level(logging.WARNING):
        assert loaded(tmp_path, peak(tmp_path)).max_batch_size == 1
    assert "it cannot be looked at: an operator that nobody knows" in caplog.text


def test_what_is_added_now_says_by_which_proof(tmp_path):
    manifest = add_model(doubled_and_summed(tmp_path / "two.onnx"), "two", tmp_path / "models")
    assert manifest.config["proof"] == 1
