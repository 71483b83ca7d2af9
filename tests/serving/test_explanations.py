"""Explanations through the engine: they share the batcher of predictions, and come after them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from conftest import publish_sentiment
from engines import predict

from app.errors import DeadlineExceeded, Overloaded, PayloadTooLarge
from app.repository.manifest import Batching
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.tasks.explanations.text import MAX_ROWS, TextExplanationParameters
from app.tasks.text_classification import TextClassificationParameters, TextInput
from app.telemetry import Telemetry

NAME, TEXT = "one-at-a-time", "what a good film " * 40


class Served:
    """An engine with a classifier that runs one row at a time, on one thread."""

    def __init__(self, engine: LocalEngine, telemetry: Telemetry) -> None:
        self.engine = engine
        self._telemetry = telemetry

    def waiting(self) -> float:
        found = self._telemetry.registry.get_sample_value("tessera_queue_rows", {"model": NAME, "version": "1"})
        assert found is not None
        return found

    async def predict(self, text: str = "good") -> Any:
        return await predict(self.engine, NAME, [TextInput(text=text)], TextClassificationParameters(), within_s=20)

    async def explain(self, text: str = TEXT, count: int = 1, seconds: float = 20) -> Any:
        asked = [TextInput(text=text)] * count, TextExplanationParameters()
        return await predict(self.engine, NAME, *asked, view="explanation", within_s=seconds)

    async def until_waiting(self, rows: int) -> None:
        while self.waiting() < rows:  # noqa: ASYNC110
            await asyncio.sleep(0)  # a gauge tells nobody when it changes


@pytest.fixture
def served(tmp_path) -> Callable[..., Served]:
    def make(**settings: Any) -> Served:
        config = {"labels": ["negative", "positive"], "tokenizer": "tokenizer.json", "max_tokens": 200}
        batching = Batching(max_batch_size=1)
        publish_sentiment(tmp_path / "models", tmp_path / "scratch", NAME, config=config, batching=batching)
        telemetry, options = Telemetry(), RuntimeOptions(device="cpu", threads=1)
        return Served(
            LocalEngine(ModelRepository(tmp_path / "models"), telemetry, options=options, **settings), telemetry
        )

    return make


def go(served: Served, asking: Callable[[], Any]) -> None:
    async def main() -> None:
        await served.engine.load()
        try:
            await asking()
        finally:
            await served.engine.stop()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_prediction_goes_before_the_rows_of_an_explanation_that_came_earlier(served):
    one = served()

    async def asking() -> None:
        explanation = asyncio.create_task(one.explain())
        await one.until_waiting(MAX_ROWS // 2)
        await one.predict()
        assert not explanation.done()
        assert one.waiting() > 1
        (reasons,) = (await explanation).outputs
        assert len(reasons.words) > 1

    go(one, asking)


def test_rows_of_a_caller_who_hung_up_are_not_computed(served):
    one = served()

    async def asking() -> None:
        explanation = asyncio.create_task(one.explain())
        await one.until_waiting(MAX_ROWS // 2)
        explanation.cancel()
        with pytest.raises(asyncio.CancelledError):
            await explanation
        assert one.waiting() == 0

    go(one, asking)


def test_an_explanation_that_finds_no_room_in_the_queue_is_refused_and_predictions_are_not(served):
    one = served(max_queue_size=MAX_ROWS + 2)

    async def asking() -> None:
        first = asyncio.create_task(one.explain())
        await one.until_waiting(MAX_ROWS // 2)
        with pytest.raises(Overloaded):
            await one.explain()
        await one.predict()
        await first
        with pytest.raises(PayloadTooLarge, match="rows"):
            await one.explain(count=2)

    go(one, asking)


def test_what_cannot_be_done_by_the_deadline_is_refused(served):
    one = served()

    async def asking() -> None:
        with pytest.raises(DeadlineExceeded):
            await one.explain(seconds=0.001)

    go(one, asking)
