"""Loads that hang: whoever hangs keeps nobody else waiting."""

import asyncio
from threading import Event
from time import monotonic
from typing import Any

import pytest
from conftest import publish_sentiment
from engines import can_predict
from held_loads import gate, is_live, new_engine, until
from test_engine import NAME, go, predict, reason, states

from app.errors import ModelNotReady
from app.tasks.text_classification import TextClassification, TextInput

__all__ = ["gate", "new_engine"]


def test_a_load_that_hangs_keeps_no_other_model_from_being_loaded_or_unloaded(new_engine, gate, models_dir, tmp_path):
    gate.names = ["/a-hangs/", "/b-hangs/"]
    for name in ("a-hangs", "b-hangs", "other"):
        publish_sentiment(models_dir, tmp_path / name, name=name)

    async def main():
        engine = new_engine()
        loading = asyncio.create_task(engine.load())
        await until(lambda: is_live(engine, NAME) and is_live(engine, "other"))
        assert not loading.done()
        await engine.unload("other")
        await engine.load("other")
        assert (await predict(engine, "good")).outputs
        with pytest.raises(ModelNotReady, match="a-hangs is not ready"):
            engine.find("a-hangs")
        gate.event.set()
        await loading
        assert is_live(engine, "a-hangs")
        await engine.stop()

    go(main())


def test_many_loads_that_hang_keep_the_next_waiting_hardly_longer_than_one(new_engine, gate, models_dir, tmp_path):
    gate.names = ["/hangs-"]
    for i in range(12):
        publish_sentiment(models_dir, tmp_path / "hangs", name=f"hangs-{i}")

    async def main():
        engine = new_engine(turn_s=1.0)
        loading = asyncio.create_task(engine.load())
        started = monotonic()
        await until(lambda: is_live(engine, NAME))
        took = monotonic() - started
        gate.event.set()
        await loading
        await engine.stop()
        return took

    assert go(main()) < 10  # 3.1 by the sum of 1/n, and 12 without it


def test_a_load_fails_at_its_time_limit_and_says_which_setting_it_is(new_engine, gate, models_dir, tmp_path):
    async def main():
        engine = new_engine(load_timeout_s=0.5)
        await engine.load()
        gate.names = ["/2/"]
        publish_sentiment(models_dir, tmp_path / "2")
        await engine.load(NAME)
        assert states(engine) == {1: "ready", 2: "failed"}
        assert "TESSERA_LOAD_TIMEOUT_S" in reason(engine, 2)
        assert (await predict(engine, "good")).version == 1
        await engine.stop()

    go(main())


@pytest.mark.parametrize("keep", [1, 2])
def test_while_the_newest_version_hangs_the_next_one_can_be_loaded(new_engine, gate, models_dir, tmp_path, keep):
    async def main():
        engine = new_engine(keep_versions=keep)
        await engine.load()
        gate.names = ["/2/"]
        publish_sentiment(models_dir, tmp_path / "2")
        hanging = asyncio.create_task(engine.load(NAME))
        await until(lambda: bool(gate.opening))
        publish_sentiment(models_dir, tmp_path / "3")
        await engine.load(NAME)
        assert (await predict(engine, "good")).version == 3
        gate.event.set()
        await hanging
        assert (await predict(engine, "good")).version == 3
        await engine.stop()

    go(main())


def test_a_start_with_a_newest_version_that_hangs_serves_the_one_before(new_engine, gate, models_dir, tmp_path):
    gate.names = ["/2/"]
    publish_sentiment(models_dir, tmp_path / "2")

    async def main():
        engine = new_engine()
        loading = asyncio.create_task(engine.load())
        await until(lambda: is_live(engine, NAME))
        assert (await predict(engine, "good")).version == 1
        gate.event.set()
        await loading
        assert (await predict(engine, "good")).version == 2
        await engine.stop()

    go(main())


def test_no_more_versions_are_in_memory_than_are_kept_though_some_take_long(new_engine, gate, models_dir, tmp_path):
    gate.names = ["/3/", "/4/"]
    for number in (2, 3, 4):
        publish_sentiment(models_dir, tmp_path / str(number))

    async def main():
        engine = new_engine(keep_versions=2)
        loading = asyncio.create_task(engine.load())
        await until(lambda: len(gate.opening) == 2)
        await asyncio.sleep(1)
        assert states(engine)[2] == states(engine)[1] == "loading"
        assert not is_live(engine, NAME)
        gate.event.set()
        await loading
        assert is_live(engine, NAME, 4)  # the older one may take a moment longer
        await until(lambda: states(engine) == {1: "unloaded", 2: "unloaded", 3: "ready", 4: "ready"})
        await engine.stop()

    go(main())


def test_unloading_a_model_gives_up_its_load_and_it_can_be_loaded_again(new_engine, gate):
    gate.names = [NAME]

    async def main():
        engine = new_engine()
        loading = asyncio.create_task(engine.load(NAME))
        await until(lambda: bool(gate.opening))
        await engine.unload(NAME)
        with pytest.raises(ModelNotReady, match="unloaded on request"):
            await loading
        gate.event.set()
        await asyncio.sleep(0.3)
        assert states(engine) == {1: "unloaded"}
        assert not can_predict(engine, NAME)
        await engine.load(NAME)
        assert can_predict(engine, NAME)
        await engine.stop()

    go(main())


def test_a_model_that_is_unloaded_before_its_turn_at_the_start_stays_unloaded(new_engine, gate, models_dir, tmp_path):
    gate.names = ["/a-first/"]
    publish_sentiment(models_dir, tmp_path / "a", name="a-first")

    async def main():
        engine = new_engine(turn_s=30)
        loading = asyncio.create_task(engine.load())
        await until(lambda: bool(gate.opening))
        await engine.unload(NAME)
        gate.event.set()
        await loading
        assert [model.is_ready for model in engine.status().models] == [True, False]
        assert engine.status().is_ready
        await engine.stop()

    go(main())


def test_stopping_does_not_wait_for_loads_that_hang_and_nothing_goes_live_later(new_engine, gate, models_dir, tmp_path):
    gate.names = [NAME]
    publish_sentiment(models_dir, tmp_path / "other", name="zz-other")

    async def main():
        engine = new_engine()
        loading = asyncio.create_task(engine.load())
        await until(lambda: bool(gate.opening))
        started = monotonic()
        await engine.stop()
        assert monotonic() - started < 20  # the loads hang until the gate is opened
        with pytest.raises(ModelNotReady, match="stopping"):
            await loading
        gate.event.set()
        await asyncio.sleep(0.3)
        assert all(one.manifest is None for one in engine.status().models)

    go(main())


def test_two_loads_at_a_time_load_a_version_once(new_engine, gate):
    gate.names = [NAME]

    async def main():
        engine = new_engine()
        loads = [asyncio.create_task(engine.load(NAME)) for _ in range(3)]
        await until(lambda: bool(gate.opening))
        await asyncio.sleep(0.3)
        gate.event.set()
        await asyncio.gather(*loads)
        assert len(gate.opening) == 1
        assert can_predict(engine, NAME)
        await engine.stop()

    go(main())


def test_a_request_that_is_read_longer_than_the_model_drains_is_told_so(new_engine, monkeypatch):
    reading, release = Event(), Event()
    prepare = TextClassification.preprocess

    def slow(self: TextClassification, item: TextInput, parameters: Any) -> Any:
        reading.set()
        assert release.wait(20)
        return prepare(self, item, parameters)

    async def main():
        engine = new_engine(drain_timeout_s=0.1)
        await engine.load()
        monkeypatch.setattr(TextClassification, "preprocess", slow)
        asking = asyncio.create_task(predict(engine, *["good"] * 9))
        await until(reading.is_set)
        await engine.unload(NAME)
        release.set()
        with pytest.raises(ModelNotReady):
            await asking
        await engine.stop()

    go(main())
