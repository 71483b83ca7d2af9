"""Loading, unloading and stopping, with loads that hang: whoever hangs keeps nobody else waiting."""

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import numpy as np
import pytest
from conftest import publish_sentiment
from engines import asking, can_predict
from graphs import doubled_and_summed
from test_engine import NAME, broken_file, edit_manifest, go, predict, reason, states

from app.errors import ModelNotFound, ModelNotReady, ServiceError
from app.repository.publish import publish
from app.repository.repository import ModelRepository
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.tasks.text_classification import TextClassification, TextClassificationParameters, TextInput
from app.tasks.view import Prepared
from app.telemetry import Telemetry
from app.tensors import Tensors, TensorSpec


class Gate:
    """Graphs whose path holds one of `names` are opened when the gate is."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.opening: list[str] = []
        self.event = Event()

    def pass_through(self, path: Path) -> None:
        if any(name in str(path) for name in self.names):
            self.opening.append(str(path))
            assert self.event.wait(60)


@pytest.fixture
def gate(monkeypatch) -> Iterator[Gate]:
    gate, open_graph = Gate(), RUNTIMES["onnx"]

    def opened(path: Path, options: RuntimeOptions) -> Any:
        gate.pass_through(path)
        return open_graph(path, options)

    monkeypatch.setitem(RUNTIMES, "onnx", opened)
    yield gate
    gate.event.set()


@pytest.fixture
def new_engine(models_dir) -> Callable[..., LocalEngine]:
    def make(**settings: Any) -> LocalEngine:
        return LocalEngine(
            ModelRepository(models_dir),
            Telemetry(),
            options=RuntimeOptions(device="cpu"),
            **{"turn_s": 0.2, "suspense_s": 0.2, "drain_timeout_s": 5.0, **settings},
        )

    return make


class Held:
    """Requests that wait for `go` before their item is read."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """Texts that are "hold" are held."""
    one, preprocess = Held(), TextClassification.preprocess

    def wait(self: TextClassification, item: TextInput, parameters: TextClassificationParameters) -> Prepared:
        if item.text == "hold":
            one.begun.set()
            one.go.wait(30)
        return preprocess(self, item, parameters)

    monkeypatch.setattr(TextClassification, "preprocess", wait)
    monkeypatch.setattr(TextClassification, "is_quick", lambda self, item: item.text != "hold")
    yield one
    one.go.set()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def is_live(engine: LocalEngine, name: str, version: int | None = None) -> bool:
    try:
        return can_predict(engine, name, version)
    except ModelNotFound:
        return False


# Hanging loads


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


# Readiness


def test_a_model_that_never_was_live_is_reported_and_does_not_count(new_engine, models_dir, tmp_path):
    publish_sentiment(models_dir, tmp_path / "bad", name="bad")
    (models_dir / "bad" / "1" / "model.onnx").unlink()

    async def main():
        engine = new_engine()
        await engine.load()
        status = engine.status()
        await engine.stop()
        return status

    status = go(main())
    assert status.is_ready
    assert [(model.name, model.versions[0].has_failed) for model in status.models] == [("bad", True), (NAME, False)]


def test_a_model_that_is_required_counts_until_it_can_predict(new_engine, models_dir, tmp_path):
    async def main():
        engine = new_engine(required=("later", NAME))
        await engine.load()
        assert not engine.status().is_ready
        assert engine.status().reason.endswith("should: later")
        publish_sentiment(models_dir, tmp_path / "later", name="later")
        await engine.load("later")
        assert engine.status().is_ready
        await engine.unload("later")
        assert engine.status().is_ready  # whoever asked for that wants it so
        await engine.stop()

    go(main())


def test_a_service_none_of_whose_models_can_predict_is_not_ready(new_engine, models_dir, tmp_path):
    publish_sentiment(models_dir, tmp_path / "other", name="other")
    for name in (NAME, "other"):
        (models_dir / name / "1" / "model.onnx").unlink()

    async def main():
        engine = new_engine()
        await engine.load()
        status = engine.status()
        await engine.stop()
        return status

    status = go(main())
    assert not status.is_ready
    assert status.reason == f"no model can predict: other, {NAME}"


def test_a_start_is_ready_without_the_model_that_hangs_but_not_before_the_others(
    new_engine, gate, models_dir, tmp_path
):
    gate.names = ["/a-hangs/"]
    publish_sentiment(models_dir, tmp_path / "a", name="a-hangs")

    async def main():
        engine = new_engine(suspense_s=1.0)
        loading = asyncio.create_task(engine.load())
        await until(lambda: is_live(engine, NAME))
        assert engine.status().reason == "models are being loaded"
        await until(lambda: engine.status().is_ready)
        assert not loading.done()
        await engine.stop()
        with pytest.raises(ModelNotReady):
            await loading

    go(main())


def test_before_the_models_are_listed_none_is_unknown(new_engine):
    async def main():
        engine = new_engine()
        with pytest.raises(ModelNotReady, match="being loaded"):
            engine.find(NAME)
        await engine.load()
        with pytest.raises(ModelNotFound):
            engine.find("nobody")
        await engine.stop()

    go(main())


def test_a_newcomers_bad_file_changes_nothing_now_or_at_the_next_start(new_engine, models_dir, tmp_path):
    async def main():
        engine = new_engine()
        await engine.load()
        publish_sentiment(models_dir, tmp_path / "new", name="newcomer")
        broken_file_of(models_dir, "newcomer")
        await engine.load("newcomer")
        assert engine.status().is_ready
        await engine.stop()
        again = new_engine()
        await again.load()
        assert again.status().is_ready
        await again.stop()

    go(main())


def broken_file_of(models_dir: Path, name: str) -> None:
    (models_dir / name / "1" / "model.onnx").write_bytes(b"\0" * 10)


class Mortal:
    """A session whose next run ends its thread, once it has been told to die."""

    def __init__(self, session: Any) -> None:
        self.session, self.placement, self.trimmed = session, session.placement, session.trimmed
        self.dies = False

    def run(self, inputs: Tensors) -> Tensors:
        if self.dies:
            raise SystemExit
        return self.session.run(inputs)  # type: ignore[no-any-return]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_service_is_not_ready_while_a_model_that_was_live_cannot_be_restored(new_engine, models_dir, monkeypatch):
    sessions, open_graph = list[Mortal](), RUNTIMES["onnx"]

    def opened(path: Path, options: RuntimeOptions) -> Any:
        sessions.append(Mortal(open_graph(path, options)))
        return sessions[-1]

    monkeypatch.setitem(RUNTIMES, "onnx", opened)
    graph = models_dir / NAME / "1" / "model.onnx"

    async def main():
        engine = new_engine()
        await engine.load()
        content = graph.read_bytes()
        graph.write_bytes(b"\0" * len(content))
        sessions[0].dies = True
        with pytest.raises(ServiceError):
            await predict(engine, "good", "bad", "film", "what")
        await until(lambda: not engine.status().is_ready)
        await asyncio.sleep(0.1)  # the thread tells its end before it is over
        assert engine.status().reason.endswith(f"should: {NAME}")
        graph.write_bytes(content)
        await until(lambda: engine.status().is_ready)
        assert (await predict(engine, "good")).outputs
        await engine.stop()

    go(main())


# What changes on disk


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


# What others see


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
    x = TensorSpec(name="x", datatype="FP32", shape=(-1, 3))
    doubled, total = (TensorSpec(name=name, datatype="FP32", shape=shape) for name, shape in OUTPUTS.items())
    specs = {"inputs": [x.model_dump()], "outputs": [doubled.model_dump(), total.model_dump()], "batched": True}
    publish(
        models_dir, NAME, {"model.onnx": doubled_and_summed(scratch / "doubled.onnx")},
        task="tensors", runtime="onnx", graphs={"model": "model.onnx"}, inputs=(x,), outputs=(doubled, total),
        config=specs,
    )  # fmt: skip


OUTPUTS: dict[str, tuple[int, ...]] = {"doubled": (-1, 3), "sum": (-1,)}


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


# Memory


class Plain:
    """A session that weak references can follow."""

    def __init__(self, session: Any) -> None:
        self.run, self.placement, self.trimmed = session.run, session.placement, session.trimmed


@pytest.mark.parametrize("texts", [[], ["good"], ["good"] * 9, [" "]], ids=["none", "one", "many", "refused"])
def test_what_is_unloaded_is_freed_without_the_garbage_collector(new_engine, monkeypatch, texts):
    sessions, open_graph = list[weakref.ref[Plain]](), RUNTIMES["onnx"]

    def opened(path: Path, options: RuntimeOptions) -> Any:
        session = Plain(open_graph(path, options))
        sessions.append(weakref.ref(session))
        return session

    monkeypatch.setitem(RUNTIMES, "onnx", opened)

    async def main():
        engine = new_engine()
        await engine.load()
        if texts:
            with suppress(ServiceError):
                await predict(engine, *texts)
        gc.collect()
        gc.disable()
        try:
            await engine.unload(NAME)
            await until(lambda: [session() for session in sessions] == [None])
        finally:
            gc.enable()
        await engine.stop()

    go(main())


# Many models


def test_stopping_many_models_collects_nothing_and_does_not_wait_for_one_after_another(models_dir, tmp_path, held):
    names = [f"model-{i}" for i in range(40)]
    for name in names:
        publish_sentiment(models_dir, tmp_path / "first", name=name)
    full_collections: list[int] = []

    def count(phase: str, details: dict[str, int]) -> None:
        if phase == "start" and details["generation"] == 2:
            full_collections.append(1)

    async def main():
        engine = LocalEngine(
            ModelRepository(models_dir), Telemetry(), options=RuntimeOptions(device="cpu"),
            drain_timeout_s=1.0, after_change=gc.collect,
        )  # fmt: skip
        await engine.load()
        asked = [asking(engine, name, [TextInput(text="hold")], TextClassificationParameters()) for name in names]
        asking_all = [asyncio.create_task(engine.predict(one)) for one in asked]
        await asyncio.to_thread(held.begun.wait, 10)
        gc.callbacks.append(count)
        started = monotonic()
        try:
            await engine.stop()
        finally:
            gc.callbacks.remove(count)
        took = monotonic() - started
        held.go.set()
        await asyncio.gather(*asking_all, return_exceptions=True)
        return took

    assert asyncio.run(asyncio.wait_for(main(), 120)) < 20  # 40 if one waited for the other
    assert len(full_collections) <= 2
