"""The service on a device: it computes there, answers as the CPU does, and halves what does not fit.

What asks graphs of ONNX runs on the CPU, too, so that nothing but the card is missing where there is none.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from cards import BY_ONNX, BY_TORCH, all_of
from conftest import POSITIVE, publish_sentiment
from engines import infer, predict, run, tensors_of
from graphs import doubled_and_summed, publish_tensors
from torch.export import Dim, export

from app.repository.publish import publish
from app.repository.repository import ModelRepository
from app.runtimes.options import Device, RuntimeOptions
from app.serving.engine import Engine
from app.serving.local import LocalEngine
from app.tasks.text_classification import TextClassificationParameters, TextInput
from app.telemetry import Telemetry
from app.tensors import TensorSpec
from training.graphs.program import save_program

ONNX_DEVICES = ["cpu", pytest.param("cuda", marks=BY_ONNX)]
LEFT, ROW = 1 << 30, 1 << 26  # bytes that torch may have on the card, and fp32 numbers that a row takes beside itself


def engine_on(device: Device, models: Path) -> LocalEngine:
    return LocalEngine(ModelRepository(models), Telemetry(), options=RuntimeOptions(device=device, threads=1))


def device_of(engine: Engine, name: str) -> str:
    (model,) = engine.status(name).models
    return str(model.placements["model"]["device"])


@pytest.mark.parametrize("device", ONNX_DEVICES)
def test_texts_are_answered_where_it_was_asked_for_and_alike(tmp_path: Path, device: Device) -> None:
    publish_sentiment(tmp_path / "models", tmp_path / "scratch")
    engine = engine_on(device, tmp_path / "models")

    async def asked() -> None:
        assert device_of(engine, "tiny-sentiment") == device
        items = [TextInput(text=text) for text in ("what a good film", "bad", "good " * 9)]
        found = await predict(engine, "tiny-sentiment", items, TextClassificationParameters())
        first, second, _ = found.outputs
        told = [{**one, "score": pytest.approx(one["score"], abs=1e-4)} for one in POSITIVE]
        assert [{"label": one.label, "score": one.score} for one in first] == told
        assert second[0].label == "negative"

    run(engine, asked)


@pytest.mark.parametrize("device", ONNX_DEVICES)
def test_tensors_of_a_graph_are_answered_alike(tmp_path: Path, device: Device) -> None:
    x, rows = ("x", "FP32", ["n", 3]), np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    outputs = [("doubled", "FP32", ["n", 3]), ("sum", "FP32", ["n"])]
    publish_tensors(tmp_path / "models", "sums", doubled_and_summed(tmp_path / "m.onnx"), [x], outputs)
    engine = engine_on(device, tmp_path / "models")

    async def asked() -> None:
        assert device_of(engine, "sums") == device
        found = tensors_of(await infer(engine, "sums", {"x": rows}))
        np.testing.assert_allclose(found["doubled"], rows * 2, rtol=1e-6)
        np.testing.assert_allclose(found["sum"], rows.sum(1), rtol=1e-4, atol=1e-5)

    run(engine, asked)


class Wide(torch.nn.Module):
    """x, by way of ROW numbers for each row."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"y": x + torch.zeros(x.shape[0], ROW)[:, :3]}


@all_of(BY_TORCH)
def test_a_batch_that_the_card_has_no_memory_for_is_halved_until_it_fits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = export(Wide(), (torch.ones(2, 3),), dynamic_shapes={"x": {0: Dim("batch")}})
    save_program(program, tmp_path / "model.pt2")
    specs = {name: (TensorSpec(name=name, datatype="FP32", shape=(-1, 3)),) for name in ("x", "y")}
    publish(
        tmp_path / "models", "wide", {"model.pt2": tmp_path / "model.pt2"}, task="tensors", runtime="pytorch",
        graphs={"model": "model.pt2"}, inputs=specs["x"], outputs=specs["y"],
        config={"inputs": specs["x"], "outputs": specs["y"], "batched": True},
    )  # fmt: skip
    engine = engine_on("cuda", tmp_path / "models")
    rows = np.arange(24, dtype=np.float32).reshape(8, 3)

    async def asked() -> None:
        assert device_of(engine, "wide") == "cuda"
        torch.cuda.empty_cache()  # only now, for loading has measured it with as many rows as there are
        torch.cuda.set_per_process_memory_fraction(LEFT / torch.cuda.get_device_properties(0).total_memory)
        try:
            assert np.array_equal(tensors_of(await infer(engine, "wide", {"x": rows}))["y"], rows)
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)

    run(engine, asked)
    assert "is halved" in caplog.text
