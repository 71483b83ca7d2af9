"""Tensors through the engine: the same queue, the same batches and the same limits as typed items."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest
import torch
from conftest import publish_sentiment
from engines import can_predict, infer, near_engine, predict, tensors_of
from graphs import cache, copied, cumulated, doubled_and_summed, filled, looked_up

from app.adding.command import add_model
from app.errors import InferenceFailed, InvalidInput, ModelNotFound, ModelNotReady, PayloadTooLarge
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.tasks.tensors import RawTensorsParameters, TensorsInput
from app.tasks.text_classification import TextClassificationParameters, TextInput
from app.telemetry import Telemetry
from app.tensors import TensorSpec

NAME = "tiny-sentiment"


@pytest.fixture(scope="module")
def added(kept_models_dir):
    """The repository with graphs of strangers."""
    models_dir, tmp_path = kept_models_dir, kept_models_dir.parent
    add_model(doubled_and_summed(tmp_path / "two.onnx"), "two", models_dir)
    add_model(cumulated(tmp_path / "cumulated.onnx"), "cumulated", models_dir)
    add_model(copied(tmp_path / "texts.onnx", "BYTES"), "texts", models_dir)
    add_model(looked_up(tmp_path / "looked-up.onnx"), "looked-up", models_dir)
    add_model(cache(tmp_path / "cache.onnx"), "cache", models_dir)
    add_model(filled(tmp_path / "filled.onnx"), "filled", models_dir)
    return models_dir


@pytest.fixture
def engine(added) -> LocalEngine:
    options = RuntimeOptions(device="cpu", threads=1)
    return LocalEngine(ModelRepository(added), Telemetry(), options=options, max_queue_size=100)


def go(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 30))


def text(*rows: list[int]) -> dict[str, np.ndarray]:
    """Rows of token ids, of which 0 is padding."""
    ids = np.array(rows, np.int64)
    return {"input_ids": ids, "attention_mask": (ids != 0).astype(np.int64)}


def run(engine: LocalEngine, name: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    async def main():
        await engine.load()
        try:
            return tensors_of(await infer(engine, name, inputs))
        finally:
            await engine.stop()

    return go(main())


def test_a_batch_is_answered_as_a_batch_with_every_output(engine):
    outputs = run(engine, "two", x=np.ones((5, 3), np.float32))
    assert {name: array.shape for name, array in outputs.items()} == {"doubled": (5, 3), "sum": (5,)}


def test_a_graph_that_is_not_batched_answers_one_row(engine):
    assert run(engine, "cumulated", x=np.ones(4, np.float32))["y"].tolist() == [1, 2, 3, 4]


def test_an_exported_program_answers_tensors_that_lie_in_the_bytes_of_a_request(models_dir, tmp_path):
    class Affine(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * x + 1

    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(Affine(), (torch.ones(2, 3),), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "affine.pt2")
    assert add_model(tmp_path / "affine.pt2", "affine", models_dir).runtime == "pytorch"
    engine = near_engine(models_dir)
    read_only = np.frombuffer(b"\0" + np.arange(6, dtype=np.float32).tobytes(), np.float32, offset=1).reshape(2, 3)
    assert run(engine, "affine", x=read_only)["output"].tolist() == [[1, 3, 5], [7, 9, 11]]


def test_texts_may_be_utf_8(engine):
    outputs = run(engine, "texts", in_BYTES=np.array([["é".encode(), "明日"]], np.object_))
    assert outputs["out_BYTES"].tolist() == [["é", "明日"]]


def test_padding_at_the_end_of_a_text_costs_nothing_and_changes_nothing(engine):
    async def main():
        await engine.load()
        inference = await infer(engine, NAME, text([5, 2, 4] + 13 * [0]))
        await engine.stop()
        return inference

    inference = go(main())
    (answer,) = inference.outputs
    assert (inference.timing.rows, inference.timing.length) == (1, 3)
    assert answer.tensors["logits"].tolist() == [[0, 2]]
    assert answer.class_names == {"logits": ["negative", "positive"]}


def test_padding_at_the_beginning_or_in_between_stays_where_it_is(engine):
    ids = text([0, 2, 0, 3])
    ids["input_ids"][0, 0] = 3  # not read: masked
    assert run(engine, NAME, **ids)["logits"].tolist() == [[2, 2]]


def test_a_text_that_is_masked_altogether_is_a_row_like_any_other(engine):
    assert run(engine, NAME, **text([0, 0], [2, 0]))["logits"].tolist() == [[0, 0], [0, 2]]


def test_tensors_and_typed_items_wait_in_one_queue_and_count_alike(engine):
    async def main():
        await engine.load()
        typed = predict(engine, NAME, [TextInput(text="good")], TextClassificationParameters())
        await asyncio.gather(typed, infer(engine, NAME, text([2], [3])))
        (statistics,) = (one.statistics for one in engine.status(NAME).models[0].versions)
        await engine.stop()
        return statistics

    statistics = go(main())
    assert statistics.rows == 3
    assert (statistics.succeeded.count, statistics.inference.count, statistics.failed.count) == (2, 2, 0)
    assert sum(rows * total.count for rows, total in statistics.batches.items()) == 3
    assert statistics.inference.seconds > 0


@pytest.mark.parametrize(
    ("inputs", "error", "says"),
    [
        ({}, InvalidInput, "inputs.x: this input is missing"),
        ({"x": np.ones((1, 3))}, InvalidInput, "inputs.x: must be FP32, not float64"),
        ({"x": np.ones(3, np.float32)}, InvalidInput, r"inputs.x: must have shape \[-1, 3\]"),
        ({"x": np.ones((101, 3), np.float32)}, PayloadTooLarge, "these are 101 rows, and a request may have 100"),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_queued(engine, inputs, error, says):
    with pytest.raises(error, match=says):
        run(engine, "two", **inputs)


@pytest.mark.parametrize(
    ("ids", "says"),
    [
        ([0, 9], "inputs: row 1: the graph cannot compute this: Gather: indices element out of data bounds, idx=9"),
        (
            [0, -4, 2],
            "inputs: row 1: the graph cannot compute this: Gather: indices element out of data bounds, idx=-4",
        ),
    ],
)
def test_the_graphs_own_reason_is_told_and_the_row_named(engine, ids, says):
    with pytest.raises(InvalidInput) as raised:
        run(engine, "looked-up", ids=np.array(ids, np.int64))
    assert says in str(raised.value)
    assert "/" not in str(raised.value)


def test_an_item_that_the_graph_cannot_compute_is_named_and_does_not_fail_others(engine):
    async def main():
        await engine.load()
        items = [[TensorsInput({"ids": id}) for id in ids] for ids in ((0, 1), (2, 0, 9))]
        try:
            return await asyncio.gather(
                *(predict(engine, "looked-up", one, RawTensorsParameters()) for one in items),
                return_exceptions=True,
            )
        finally:
            await engine.stop()

    good, bad = go(main())
    assert [one.model_dump() for one in good.outputs] == [{"y": [0, 1]}, {"y": [2, 3]}]
    assert isinstance(bad, InvalidInput)
    assert bad.details[0]["loc"] == ["inputs", 2]


def test_more_memory_than_there_is_is_the_callers_wish(engine):
    with pytest.raises(PayloadTooLarge, match="the graph needs more memory for this than it can get"):
        run(engine, "filled", shape=np.array([10**5, 10**5, 10**5], np.int64))


@pytest.mark.parametrize("steps", [0, 2])
def test_a_cache_is_empty_at_the_first_step(engine, steps):
    past = np.ones((1, steps, 4), np.float32)
    assert run(engine, "cache", x=np.ones((1, 1, 4), np.float32), past=past)["present"].shape == (1, steps + 1, 4)


def test_a_manifest_that_names_an_output_the_graph_has_not_is_our_fault(models_dir, tmp_path):
    wrong = (TensorSpec(name="scores", datatype="FP32", shape=(-1, 2)),)
    publish_sentiment(models_dir, tmp_path / "wrong", name="wrong", outputs=wrong)
    engine = near_engine(models_dir)
    with pytest.raises(InferenceFailed, match="has no output 'scores'"):
        run(engine, "wrong", **text([2]))


def test_an_unloaded_model_is_not_missed_and_can_be_loaded_again(engine):
    async def main():
        await engine.load()
        under_way = asyncio.create_task(infer(engine, "two", {"x": np.ones((50, 3), np.float32)}))
        await asyncio.sleep(0)
        await engine.unload("two")
        assert len(tensors_of(await under_way)["sum"]) == 50
        with pytest.raises(ModelNotReady, match="two is not ready: unloaded on request"):
            engine.find("two")
        with pytest.raises(ModelNotFound):
            await engine.unload("nobody")
        states = [engine.status().is_ready, can_predict(engine, "two"), can_predict(engine, NAME, 1)]
        await engine.load("two")
        states.append(can_predict(engine, "two"))
        await engine.stop()
        return states

    assert go(main()) == [True, False, True, True]


def test_a_model_is_unloaded_though_whoever_asked_for_it_has_gone(engine):
    async def main():
        await engine.load()
        under_way = asyncio.create_task(infer(engine, "two", {"x": np.ones((50, 3), np.float32)}))
        await asyncio.sleep(0)
        unloading = asyncio.create_task(engine.unload("two"))
        await asyncio.sleep(0)
        unloading.cancel()
        outputs = tensors_of(await under_way)
        await engine.stop()
        return outputs

    assert len(go(main())["sum"]) == 50
