"""Inputs on which a kernel does not end, through the engine and ONNX Runtime: they cost nobody else an answer."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest
from conftest import publish_sentiment
from engines import can_predict, infer, predict, tensors_of
from graphs import publish_counting
from waiting import eventually

from app.errors import DeadlineExceeded
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.tasks.text_classification import TextClassificationParameters, TextInput
from app.telemetry import Telemetry

ENDLESS = 1e12


class Served:
    """An engine with a model that counts, on `threads` threads, and another one beside it."""

    def __init__(self, engine: LocalEngine, telemetry: Telemetry) -> None:
        self.engine = engine
        self._telemetry = telemetry

    def metric(self, name: str, **labels: str) -> float:
        return self._telemetry.registry.get_sample_value(name, {"model": "counting", "version": "1", **labels}) or 0.0

    async def count(self, *to: float, seconds: float = 30.0) -> list[float]:
        x = np.array(to, np.float32)[:, np.newaxis]
        return tensors_of(await infer(self.engine, "counting", {"x": x}, within_s=seconds))["y"][:, 0].tolist()

    def begin(self, *to: float, seconds: float = 30.0) -> asyncio.Task[list[float]]:
        return asyncio.create_task(self.count(*to, seconds=seconds))

    async def predict(self) -> Any:
        asked = [TextInput(text="good")], TextClassificationParameters()
        return await predict(self.engine, "tiny-sentiment", *asked, within_s=5)

    def run(self, asking: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def main() -> None:
            await self.engine.load()
            try:
                await asking()
            finally:
                await self.engine.stop()

        asyncio.run(asyncio.wait_for(main(), 60))
        eventually(lambda: "counting/1" not in [thread.name for thread in threading.enumerate()])


@pytest.fixture
def serving(tmp_path) -> Callable[..., Served]:
    def make(threads: int = 1, **settings: Any) -> Served:
        root = tmp_path / "models"
        root.mkdir()
        publish_sentiment(root, tmp_path / "scratch")
        publish_counting(root, tmp_path)
        telemetry, options = Telemetry(), RuntimeOptions(device="cpu", threads=threads)
        return Served(LocalEngine(ModelRepository(root), telemetry, options=options, **settings), telemetry)

    return make


def test_a_row_that_never_ends_is_late_and_its_thread_is_free_for_the_next(serving):
    served = serving()

    async def asking() -> None:
        assert await served.count(3.0) == [3.0]
        with pytest.raises(DeadlineExceeded):
            await served.count(ENDLESS, seconds=0.3)
        assert can_predict(served.engine, "counting")
        assert await served.count(4.0, seconds=5) == [4.0]
        assert served.metric("tessera_worker_deaths_total") == 0
        assert served.metric("tessera_rows_dropped_total", reason="expired") == 1

    served.run(asking)


def test_whoever_shares_a_batch_with_it_is_answered_and_only_it_is_late(serving):
    served = serving()

    async def asking() -> None:
        first = served.begin(1e5)  # until it is done, the others wait, and make one batch
        await asyncio.sleep(0)
        asked = [served.begin(float(i)) for i in range(3)] + [served.begin(ENDLESS, seconds=12)]
        asked += [served.begin(float(i)) for i in range(4, 7)]
        answers = await asyncio.gather(first, *asked, return_exceptions=True)
        assert isinstance(answers.pop(4), DeadlineExceeded)
        assert answers == [[1e5], [0], [1], [2], [4], [5], [6]]
        assert served.engine.status().is_ready

    served.run(asking)


def test_with_ten_minutes_of_time_it_holds_the_only_thread_for_some_seconds_if_others_wait(serving):
    served = serving()

    async def asking() -> None:
        poison = served.begin(ENDLESS, seconds=600)
        await asyncio.sleep(0.1)
        assert await served.count(5.0, seconds=20) == [5.0]
        with pytest.raises(DeadlineExceeded, match="others"):
            await poison
        assert served.metric("tessera_rows_failed_total") == 1

    served.run(asking)


def test_on_every_thread_at_once_it_keeps_nobody_from_an_answer_and_no_other_model_from_anything(serving):
    served = serving(threads=2)

    async def asking() -> None:
        poison = [served.begin(ENDLESS, seconds=600) for _ in range(2)]
        await asyncio.sleep(0.1)
        await served.predict()
        assert not any(one.done() for one in poison)
        assert await served.count(5.0, seconds=20) == [5.0]
        for one in poison:
            one.cancel()

    served.run(asking)


def test_alone_it_may_run_until_its_deadline_or_its_caller_leaves(serving):
    served = serving()

    async def asking() -> None:
        slow = served.begin(ENDLESS)
        await asyncio.sleep(3)
        assert not slow.done()
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        assert await served.count(5.0, seconds=20) == [5.0]
        assert served.metric("tessera_rows_dropped_total", reason="abandoned") == 1
        assert served.metric("tessera_rows_failed_total") == 0  # so it was not ended for the sake of the next

    served.run(asking)


def test_what_runs_while_the_model_is_unloaded_is_ended(serving):
    served = serving(drain_timeout_s=0.2)

    async def asking() -> None:
        endless = served.begin(ENDLESS, seconds=600)
        await asyncio.sleep(0.1)
        await asyncio.wait_for(served.engine.unload("counting"), 30)
        await asyncio.gather(endless, return_exceptions=True)

    served.run(asking)
