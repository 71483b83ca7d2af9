"""One version takes over from another: what changes on disk, and what others see of it."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import publish_sentiment
from engines import asking, can_predict
from graphs import doubled_and_summed, publish_tensors
from held_loads import gate, held, new_engine, until
from test_bad_versions import broken_file
from test_engine import NAME, edit_manifest, go, predict, reason, states

from app.errors import ModelNotReady
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.tasks.text_classification import TextClassificationParameters, TextInput
from app.telemetry import Telemetry

__all__ = ["gate", "held", "new_engine"]


def relabelled(models_dir: Path, version: int, *labels: str) -> None:
    """Edit a published version in place: other labels, and golden examples that know them."""
    config = {"labels": list(labels), "tokenizer": "tokenizer.json", "max_tokens": 16}
    edit_manifest(models_dir, version, config=config, golden=[])


def test_a_version_that_was_edited_in_place_is_taken_up_by_the_next_load(new_engine, models_dir):
    async def main():
        engine = new_engine()
        await engine.load()
        relabelled(models_dir, 1, "no", "yes")
        assert (await predict(engine, "good")).outputs[0][0].label == "positive"
        await engine.load(NAME)
        assert (await predict(engine, "good")).outputs[0][0].label == "yes"
        assert states(engine) == {1: "ready"}
        await engine.stop()

    go(main())


def test_a_number_that_was_withdrawn_and_published_again_is_taken_up(new_engine, models_dir, tmp_path):
    publish_sentiment(models_dir, tmp_path / "2")

    async def main():
        engine = new_engine()
        await engine.load()
        (models_dir / NAME / "2").rename(tmp_path / "withdrawn")
        publish_sentiment(models_dir, tmp_path / "again")
        relabelled(models_dir, 2, "no", "yes")
        await engine.load(NAME)
        answer = await predict(engine, "good")
        await engine.stop()
        return answer.version, answer.outputs[0][0].label

    assert go(main()) == (2, "yes")


@pytest.mark.parametrize("damage", [broken_file, lambda root, version: (root / NAME / "1" / "model.onnx").unlink()])
def test_what_was_edited_in_place_and_fails_its_checks_leaves_the_version_as_it_was(new_engine, models_dir, damage):
    original = (models_dir / NAME / "1" / "manifest.json").read_text()
    graph = (models_dir / NAME / "1" / "model.onnx").read_bytes()

    async def main():
        engine = new_engine()
        await engine.load()
        relabelled(models_dir, 1, "no", "yes")
        damage(models_dir, 1)
        await engine.load(NAME)
        assert (await predict(engine, "good")).outputs[0][0].label == "positive"
        assert engine.status().is_ready
        assert engine.status().models[0].versions[0].has_failed
        assert "cannot be served as they are now" in reason(engine, 1)
        (models_dir / NAME / "1" / "manifest.json").write_text(original)
        (models_dir / NAME / "1" / "model.onnx").write_bytes(graph)
        await engine.load(NAME)
        assert not engine.status().models[0].versions[0].has_failed
        await engine.stop()

    go(main())


def test_loading_again_what_has_not_changed_keeps_the_very_model(new_engine, gate):
    gate.names, _ = [NAME], gate.event.set()

    async def main():
        engine = new_engine()
        for _ in range(3):
            await engine.load(NAME)
        await engine.stop()
        return len(gate.opening)

    assert go(main()) == 1


def test_a_withdrawn_version_answers_until_the_one_before_is_live_again(new_engine, gate, models_dir, tmp_path):
    publish_sentiment(models_dir, tmp_path / "2")
    gate.names = ["/1/"]

    async def main():
        engine = new_engine(keep_versions=1)
        await engine.load()
        (models_dir / NAME / "2").rename(tmp_path / "withdrawn")
        loading = asyncio.create_task(engine.load(NAME))
        await until(lambda: bool(gate.opening))
        assert (await predict(engine, "good")).version == 2
        gate.event.set()
        await loading
        assert (await predict(engine, "good")).version == 1
        await engine.stop()

    go(main())


def test_a_repository_that_cannot_be_read_takes_nothing_away(new_engine, models_dir, monkeypatch):
    def no_descriptors(self: Path) -> Any:
        raise OSError(24, "Too many open files")

    async def main():
        engine = new_engine()
        await engine.load()
        with monkeypatch.context() as broken:
            broken.setattr(Path, "iterdir", no_descriptors)
            with pytest.raises(ModelNotReady, match="cannot be read just now"):
                await engine.load(NAME)
        assert (await predict(engine, "good")).outputs
        assert engine.status().is_ready
        await engine.stop()

    go(main())


def test_a_version_that_was_expected_and_cannot_be_looked_at_has_failed(new_engine, models_dir, tmp_path, monkeypatch):
    async def main():
        engine = new_engine()
        await engine.load()
        publish_sentiment(models_dir, tmp_path / "2")

        def gone(*_: Any) -> str:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as broken:
            broken.setattr(ModelRepository, "fingerprint", gone)
            with pytest.raises(ModelNotReady, match="cannot be read just now"):
                await engine.load(NAME)
        assert states(engine) == {1: "ready", 2: "failed"}
        await engine.load(NAME)
        assert states(engine) == {1: "ready", 2: "ready"}
        await engine.stop()

    go(main())


def test_a_model_whose_folder_cannot_be_read_hides_no_other(new_engine, models_dir, tmp_path, monkeypatch):
    publish_sentiment(models_dir, tmp_path / "locked", name="locked")
    listed = Path.iterdir

    def iterdir(self: Path) -> Any:
        if self.name == "locked":
            raise PermissionError(13, "Permission denied")
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", iterdir)

    async def main():
        engine = new_engine()
        await engine.load()
        assert engine.status().is_ready
        assert (await predict(engine, "good")).outputs
        await engine.load(NAME)
        with pytest.raises(ModelNotReady, match="cannot be read just now"):
            await engine.load("locked")
        await engine.stop()

    go(main())


def gauges(telemetry: Telemetry) -> list[str]:
    lines = telemetry.render().decode().splitlines()
    return [line for line in lines if line.startswith(("tessera_model_ready{", "tessera_queue_rows{"))]


def test_the_gauges_are_those_of_the_version_that_is_live_though_it_was_unloaded_while_draining(models_dir, held):
    telemetry = Telemetry()
    engine_of = LocalEngine(
        ModelRepository(models_dir), telemetry, options=RuntimeOptions(device="cpu"), drain_timeout_s=0.5
    )

    async def main():
        await engine_of.load()
        before = gauges(telemetry)
        holding = asyncio.create_task(predict(engine_of, "hold"))
        await asyncio.to_thread(held.begun.wait, 10)
        unloading = asyncio.create_task(engine_of.unload(NAME))
        await asyncio.sleep(0.05)
        await engine_of.load(NAME)
        held.go.set()
        await asyncio.gather(unloading, holding, return_exceptions=True)
        assert gauges(telemetry) == before
        assert len(before) == 2
        await engine_of.unload(NAME)
        assert gauges(telemetry) == []
        await engine_of.stop()

    go(main())


def test_a_model_is_live_when_the_log_says_so(new_engine):
    heard: list[bool] = []

    async def main():
        engine = new_engine()

        class Listener(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if "is live" in record.getMessage():
                    heard.append(can_predict(engine, NAME))

        logger, listener = logging.getLogger("app.serving"), Listener()
        logger.addHandler(listener)
        logger.setLevel(logging.INFO)
        try:
            await engine.load()
        finally:
            logger.removeHandler(listener)
            logger.setLevel(logging.NOTSET)
        await engine.stop()

    go(main())
    assert heard == [True]


def publish_as_tensors(models_dir: Path, scratch: Path) -> None:
    """Publish a next version of the model whose items have nothing in common with those of the ones before."""
    outputs = [("doubled", "FP32", ["n", 3]), ("sum", "FP32", ["n"])]
    publish_tensors(models_dir, NAME, doubled_and_summed(scratch / "doubled.onnx"), [("x", "FP32", ["n", 3])], outputs)


@pytest.mark.parametrize("keep", [1, 2])
def test_items_are_answered_by_no_version_of_another_task_than_they_were_read_for(
    new_engine, models_dir, tmp_path, keep
):
    async def main():
        engine = new_engine(keep_versions=keep)
        await engine.load()
        asked = asking(engine, NAME, [TextInput(text="good")], TextClassificationParameters())
        publish_as_tensors(models_dir, tmp_path)
        await engine.load(NAME)
        assert engine.find(NAME).manifest.task == "tensors"
        try:
            return (await engine.predict(asked)).version
        finally:
            await engine.stop()

    if keep == 2:  # the one before is still there
        assert go(main()) == 1
    else:
        with pytest.raises(ModelNotReady, match="replaced meanwhile, and takes other inputs now; ask again"):
            go(main())


@pytest.mark.parametrize("keep", [1, 2])
def test_tensors_are_answered_by_no_version_whose_tensors_are_others(new_engine, models_dir, tmp_path, keep):
    inputs = {name: np.array([[2, 4]], np.int64) for name in ("input_ids", "attention_mask")}

    async def main():
        engine = new_engine(keep_versions=keep)
        await engine.load()
        asked = asking(engine, NAME, [inputs], view="raw")
        publish_as_tensors(models_dir, tmp_path)
        await engine.load(NAME)
        try:
            return (await engine.predict(asked)).version
        finally:
            await engine.stop()

    if keep == 2:
        assert go(main()) == 1
    else:
        with pytest.raises(ModelNotReady, match="takes other inputs now; ask again"):
            go(main())
