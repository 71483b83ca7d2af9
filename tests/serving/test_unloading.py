"""An unloaded model is freed, and many models stop at once."""

import asyncio
import gc
import weakref
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from conftest import publish_sentiment
from engines import asking
from held_loads import held, new_engine, until
from test_engine import NAME, go, predict

from app.errors import ServiceError
from app.repository.repository import ModelRepository
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.tasks.text_classification import TextClassificationParameters, TextInput
from app.telemetry import Telemetry

__all__ = ["held", "new_engine"]


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
