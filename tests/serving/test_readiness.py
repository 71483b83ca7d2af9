"""When a service with many models is ready, and what it says while it is not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from conftest import publish_sentiment
from dying import dead_are_told
from held_loads import gate, is_live, new_engine, until
from test_engine import NAME, go, predict

from app.errors import ModelNotFound, ModelNotReady, ServiceError
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.tensors import Tensors

__all__ = ["dead_are_told", "gate", "new_engine"]

# Some tests end a thread, and that may be told later, in another one.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


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
