"""Pipelines while their steps and they themselves come and go."""

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from graphs import publish_features, publish_head, publish_recommender
from test_pipeline import SAYS, SEES, ask, golden, photo, publish_pipeline, root, with_engine

from app.errors import InvalidInput, ModelNotFound, ModelNotReady
from app.repository.pipeline import PipelineManifest
from app.repository.publish import publish
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.serving.pipeline import Pipeline
from app.tasks.image_features import ImageFeatureExtraction
from app.tasks.view import Prepared

__all__ = ["root"]


class Gate:
    """Who passes waits until it is open; `reached` tells that somebody does. Where graphs are opened, only `where`."""

    def __init__(self) -> None:
        self.where = "/head/"
        self.reached, self.is_open = threading.Event(), threading.Event()

    def passed(self) -> None:
        self.reached.set()
        assert self.is_open.wait(30)


async def until(event: Event) -> None:
    assert await asyncio.to_thread(event.wait, 20)


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Photos are read when it is open."""
    gate, preprocess = Gate(), ImageFeatureExtraction.preprocess

    def wait(self: ImageFeatureExtraction, item: Any, parameters: Any) -> Prepared:
        gate.passed()
        return preprocess(self, item, parameters)

    monkeypatch.setattr(ImageFeatureExtraction, "preprocess", wait)
    yield gate
    gate.is_open.set()


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Graphs of the head are opened when it is open."""
    gate, open_graph = Gate(), RUNTIMES["onnx"]

    def wait(path: Path, options: RuntimeOptions) -> Any:
        if gate.where in str(path):
            gate.passed()
        return open_graph(path, options)

    monkeypatch.setitem(RUNTIMES, "onnx", wait)
    yield gate
    gate.is_open.set()


def states(engine: LocalEngine, name: str) -> dict[int, str]:
    return {one.version: one.state for one in engine.status(name).models[0].versions}


def test_what_it_has_admitted_is_answered_by_all_its_steps_while_the_service_stops(root: Path, reading: Gate) -> None:
    publish_pipeline(root)

    async def main(engine: LocalEngine) -> None:
        asking = asyncio.create_task(ask(engine, photo()))
        await until(reading.reached)
        stopping = asyncio.create_task(engine.stop())
        await asyncio.sleep(0.1)
        with pytest.raises(ModelNotReady, match="the service is stopping"):
            engine.find("head")
        reading.is_open.set()
        assert len((await asking).outputs) == 1
        await stopping

    with_engine(root, main)


def test_a_service_that_stops_waits_for_pipelines_and_models_together_only_as_long_as_it_may(
    root: Path, reading: Gate
) -> None:
    publish_pipeline(root)

    async def main(engine: LocalEngine) -> None:
        asking = asyncio.create_task(ask(engine, photo()))
        await until(reading.reached)
        async with asyncio.timeout(2.5):
            await engine.stop()
        reading.is_open.set()
        await asyncio.wait([asking])
        assert asking.cancelled() or asking.exception()

    with_engine(root, main, drain_timeout_s=1.5)


def test_a_pipeline_that_is_unloaded_while_it_loads_keeps_none_of_its_versions(
    root: Path, tmp_path: Path, opening: Gate
) -> None:
    async def main(engine: LocalEngine) -> None:
        publish_features(root, tmp_path)
        await engine.load("photo-features")
        assert states(engine, "photo-features") == {2: "ready", 1: "unloaded"}
        publish_head(root, tmp_path)
        publish_pipeline(root)
        loading = asyncio.create_task(engine.load("quality"))
        await until(opening.reached)
        assert states(engine, "photo-features") == {2: "ready", 1: "ready"}
        await engine.unload("quality")
        with pytest.raises(ModelNotReady):
            await loading
        assert states(engine, "photo-features") == {2: "ready", 1: "unloaded"}
        opening.is_open.set()

    (root / "head").rename(root.parent / "away")
    with_engine(root, main, keep_versions=1)


def test_a_model_that_is_unloaded_while_a_pipeline_asks_for_it_stays_unloaded(root: Path, opening: Gate) -> None:
    async def main(engine: LocalEngine) -> None:
        loading = asyncio.create_task(engine.load("quality"))
        for _ in range(200):
            await asyncio.sleep(0)
            if "head" in {status.name for status in engine.status().models}:
                await engine.unload("head")
                break
            await asyncio.sleep(0.001)
        opening.is_open.set()
        await loading
        with pytest.raises((ModelNotFound, ModelNotReady)):
            engine.find("head")
        assert "step says" in engine.status("quality").models[0].versions[0].reason

    head = root / "head"
    head.rename(root.parent / "away")

    async def late(engine: LocalEngine) -> None:
        (root.parent / "away").rename(head)
        publish_pipeline(root)
        await main(engine)

    with_engine(root, late)


def test_a_model_is_loaded_though_an_older_version_that_a_pipeline_asks_hangs(
    root: Path, tmp_path: Path, opening: Gate
) -> None:
    publish_head(root, tmp_path)
    publish_pipeline(root)
    opening.where = "/head/1/"
    opening.is_open.set()

    async def main(engine: LocalEngine) -> None:
        await engine.unload("head")
        opening.is_open.clear()
        async with asyncio.timeout(10):
            await engine.load("head")
        assert states(engine, "head") == {2: "ready", 1: "loading"}
        assert not engine.status("quality").models[0].is_ready
        opening.is_open.set()
        async with asyncio.timeout(10):
            await engine.load("head")
        await eventually(lambda: engine.status("quality").models[0].is_ready)

    with_engine(root, main, keep_versions=1, turn_s=0.2)


async def eventually(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_a_pipeline_that_takes_over_lets_go_of_the_versions_that_only_the_one_before_asked(
    root: Path, tmp_path: Path
) -> None:
    publish_head(root, tmp_path)
    publish_head(root, tmp_path)
    publish_pipeline(root)

    async def main(engine: LocalEngine) -> None:
        assert states(engine, "head") == {3: "ready", 2: "unloaded", 1: "ready"}
        publish_pipeline(root, SEES, SAYS.model_copy(update={"version": 2}))
        await engine.load("quality")
        await eventually(lambda: states(engine, "head") == {3: "ready", 2: "ready", 1: "unloaded"})
        await engine.unload("quality")
        assert states(engine, "head") == {3: "ready", 2: "unloaded", 1: "unloaded"}

    with_engine(root, main, keep_versions=1)


def test_of_two_pipelines_with_one_version_the_last_lets_it_go(root: Path, tmp_path: Path) -> None:
    publish_head(root, tmp_path)
    publish_pipeline(root)
    publish(root, "other", {}, kind=PipelineManifest, steps=(SEES, SAYS))

    async def main(engine: LocalEngine) -> None:
        await engine.unload("quality")
        assert states(engine, "head") == {2: "ready", 1: "ready"}
        await engine.unload("other")
        assert states(engine, "head") == {2: "ready", 1: "unloaded"}

    with_engine(root, main, keep_versions=1)


def test_a_version_that_is_withdrawn_and_published_again_is_still_kept_for_its_pipeline(
    root: Path, tmp_path: Path
) -> None:
    publish_pipeline(root)

    async def main(engine: LocalEngine) -> None:
        (root / "head").rename(tmp_path / "away")
        await engine.load("head")
        with pytest.raises(ModelNotReady, match="step says: no version 1 of model head"):
            await ask(engine, photo())
        with pytest.raises((ModelNotFound, ModelNotReady)):
            engine.find("head")
        (tmp_path / "away").rename(root / "head")
        publish_head(root, tmp_path)
        await engine.load("head")
        assert states(engine, "head") == {2: "ready", 1: "ready"}
        assert len((await ask(engine, photo())).outputs) == 1

    with_engine(root, main, keep_versions=1)


def test_a_step_whose_files_take_other_inputs_now_is_not_asked(root: Path, tmp_path: Path) -> None:
    publish_pipeline(root)
    publish_recommender(tmp_path / "models", tmp_path, ["a"])

    async def main(engine: LocalEngine) -> None:
        (root / "head" / "1").rename(tmp_path / "away")
        manifest = (root / "places" / "1" / "manifest.json").read_text().replace('"name": "places"', '"name": "head"')
        (root / "places" / "1").rename(root / "head" / "1")
        (root / "head" / "1" / "manifest.json").write_text(manifest)
        await engine.load("head")
        assert engine.find("head").manifest.task == "recommendation"
        assert not engine.status("quality").models[0].is_ready
        with pytest.raises(ModelNotReady, match="step says: version 1 of head was replaced"):
            await ask(engine, photo())

    with_engine(root, main)


def test_a_pipeline_whose_steps_have_too_much_to_do_is_tried_again(root: Path) -> None:
    publish_pipeline(root, golden=(golden([255, 128]),))

    async def main(engine: LocalEngine) -> None:
        (version,) = engine.status("quality").models[0].versions
        assert version.state == "failed"
        assert "golden example 0 fails" in version.reason
        assert version.may_pass

    with_engine(root, main, max_queue_size=0)  # which is full


def num_pipelines() -> int:
    return sum(type(one) is Pipeline for one in gc.get_objects())


def test_it_is_freed_when_it_is_unloaded_without_the_garbage_collector(root: Path) -> None:
    publish_pipeline(root)

    async def main(engine: LocalEngine) -> None:
        await ask(engine, photo())
        with pytest.raises(InvalidInput):
            await ask(engine, b"no photo")
        gc.collect()
        gc.disable()
        try:
            assert num_pipelines() == 1
            await engine.unload("quality")
            assert num_pipelines() == 0
        finally:
            gc.enable()

    with_engine(root, main)
