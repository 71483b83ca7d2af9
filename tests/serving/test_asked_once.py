"""Items that are asked twice: with computing that the tests hold back, and with an engine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import engines
import numpy as np
import pytest
from conftest import publish_sentiment
from graphs import publish_tensors, save
from onnx import helper

from app.errors import DeadlineExceeded, InferenceFailed, InvalidInput, Overloaded
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.answer_store import AnswerStore, Reuse
from app.serving.asked_once import AnswerCache, AskedOnce
from app.serving.engine import Ask, Timing
from app.serving.local import LocalEngine
from app.serving.pool import Pool
from app.serving.shares import Share
from app.tasks.text_classification import TextClassification, TextClassificationParameters, TextInput
from app.telemetry import Telemetry

SENTIMENT = "tiny-sentiment"
pytestmark = pytest.mark.anyio
COST = Timing(0.1, 0, 0.2, 0, 1, 1)


class Scheduling:
    """All shares want nothing, unless a test says otherwise."""

    def __init__(self) -> None:
        self.shares: dict[str, Share] = {}

    def share_of(self, caller: str, priority: int) -> Share:
        return self.shares.setdefault(caller, Share())


class Computing:
    """Answers each text by its length, when `go` is set; `asked` has all that was asked. What is in `fails` fails."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.fails: dict[str, Exception] = {}
        self.go = asyncio.Event()

    async def __call__(self, view: Any, ask: Ask, deadline: float) -> tuple[list[Any], Timing, tuple[()]]:
        texts = [item.text for item in ask.items]
        self.asked.append(texts)
        for i, text in enumerate(texts):
            if isinstance(error := self.fails.get(text), InvalidInput):
                raise InvalidInput(str(error)).under("inputs", i)
        await self.go.wait()
        for text in texts:
            if text in self.fails:
                raise self.fails.pop(text)
        return [len(text) for text in texts], COST, ()


class Company:
    """One version, with everything around it."""

    def __init__(self, most_bytes: int = 10_000, across_callers: bool = True) -> None:
        self.telemetry, self.scheduling, self.computing = Telemetry(), Scheduling(), Computing()
        self.store = AnswerStore(most_bytes)
        self.telemetry.reuse.begin(lambda: 0, lambda: 0)
        self.threads = Pool(1, "test")
        self.once = AskedOnce(
            AnswerCache(self.store, across_callers),
            self.computing,
            self.scheduling,  # type: ignore[arg-type]
            self.threads,
            self.telemetry.observer("m", 1),
        )
        self._view = TextClassification(None)  # type: ignore[arg-type]

    async def ask(self, *texts: str, within_s: float = 20, **terms: Any) -> tuple[list[int], Reuse]:
        items = [TextInput(text=text) for text in texts]
        ask = Ask("m", None, "v", items, terms.pop("parameters", TextClassificationParameters()), within_s, **terms)
        deadline = asyncio.get_running_loop().time() + within_s
        (outputs, _, _), reuse = await self.once.outputs(self._view, ask, deadline)
        return outputs, reuse

    async def begin(self, *texts: str, **terms: Any) -> "asyncio.Task[tuple[list[int], Reuse]]":
        """Ask, and return when it waits."""
        task = asyncio.create_task(self.ask(*texts, **terms))
        for _ in range(5):
            await asyncio.sleep(0)
        return task


@asynccontextmanager
async def company(**settings: Any) -> AsyncIterator[Company]:
    one = Company(**settings)
    try:
        async with asyncio.timeout(20):
            yield one
    finally:
        one.threads.close()


async def test_what_was_answered_is_given_again() -> None:
    async with company() as one:
        one.computing.go.set()
        assert await one.ask("good") == ([4], Reuse(0, 0, 1))
        assert await one.ask("good") == ([4], Reuse(1, 0, 1))
        assert await one.ask("bad", "good", "worse") == ([3, 4, 5], Reuse(1, 0, 3))
        assert one.computing.asked == [["good"], ["bad", "worse"]]


async def test_what_is_on_its_way_is_computed_once() -> None:
    async with company(most_bytes=0) as one:
        first, second = await one.begin("good"), await one.begin("good", "bad")
        one.computing.go.set()
        assert await first == ([4], Reuse(0, 0, 1))
        assert await second == ([4, 3], Reuse(0, 1, 2))
        assert one.computing.asked == [["good"], ["bad"]]
        assert await one.ask("good") == ([4], Reuse(0, 0, 1))  # nothing may be kept


async def test_the_same_item_twice_in_one_request_is_computed_once() -> None:
    async with company() as one:
        one.computing.go.set()
        assert await one.ask("good", "bad", "good") == ([4, 3, 4], Reuse(0, 1, 3))
        assert one.computing.asked == [["good", "bad"]]


async def test_other_parameters_are_another_question() -> None:
    async with company() as one:
        one.computing.go.set()
        await one.ask("good")
        await one.ask("good", parameters=TextClassificationParameters(top_k=1))
        assert len(one.computing.asked) == 2


@pytest.mark.parametrize("error", [Overloaded("too much", 1.0), DeadlineExceeded("late"), InferenceFailed("broken")])
async def test_the_failure_of_one_is_no_failure_of_whoever_waits_for_the_same(error: Exception) -> None:
    async with company() as one:
        first, second = await one.begin("good"), await one.begin("bad", "good")
        one.computing.fails["good"] = error
        one.computing.go.set()
        with pytest.raises(type(error)):
            await first
        assert await second == ([3, 4], Reuse(0, 0, 2))
        assert one.computing.asked == [["good"], ["bad"], ["good"]]


async def test_whoever_leaves_takes_the_answer_from_nobody() -> None:
    async with company() as one:
        first, second = await one.begin("good"), await one.begin("good")
        first.cancel()
        one.computing.go.set()
        assert await second == ([4], Reuse(0, 0, 1))


async def test_whoever_waits_and_leaves_disturbs_nobody() -> None:
    async with company() as one:
        first, second, third = await one.begin("good"), await one.begin("good"), await one.begin("good")
        second.cancel()
        await asyncio.sleep(0)
        one.computing.go.set()
        assert [await first, await third] == [([4], Reuse(0, 0, 1)), ([4], Reuse(0, 1, 1))]


async def test_whoever_waits_has_a_deadline_of_his_own() -> None:
    async with company() as one:
        first = await one.begin("good")
        with pytest.raises(DeadlineExceeded):
            await one.ask("good", within_s=0.02)
        one.computing.go.set()
        assert await first == ([4], Reuse(0, 0, 1))


async def test_a_fault_is_told_by_its_place_in_the_whole_request() -> None:
    async with company() as one:
        one.computing.go.set()
        await one.ask("good")
        one.computing.fails["wrong"] = InvalidInput("is wrong")
        with pytest.raises(InvalidInput) as fault:
            await one.ask("good", "bad", "wrong")
        assert fault.value.details[0]["loc"] == ["inputs", 2]
        one.computing.fails.clear()
        assert await one.ask("wrong") == ([5], Reuse(0, 0, 1))  # what was refused is not kept


@pytest.mark.parametrize(("own", "others"), [(1, 2), (2, 10)])
async def test_who_goes_first_does_not_wait_for_who_goes_later(own: int, others: int) -> None:
    async with company() as one:
        later, sooner = await one.begin("good", priority=others), await one.begin("good", priority=own)
        assert one.computing.asked == [["good"], ["good"]]
        again = await one.begin("good", priority=others)
        one.computing.go.set()
        assert {(await each)[0][0] for each in (later, sooner, again)} == {4}
        assert len(one.computing.asked) == 2


async def test_who_asks_for_little_does_not_wait_for_who_asks_for_much() -> None:
    async with company() as one:
        one.scheduling.shares["much"] = Share(waiting_s=5.0)
        much, little = await one.begin("good", caller="much"), await one.begin("good", caller="little")
        assert one.computing.asked == [["good"], ["good"]]
        one.computing.go.set()
        assert [(await much)[0], (await little)[0]] == [[4], [4]]


async def test_callers_get_nothing_of_one_another_if_they_may_not() -> None:
    async with company(across_callers=False) as one:
        one.computing.go.set()
        for caller, hits in (("a", 0), ("b", 0), ("a", 1)):
            assert await one.ask("good", caller=caller) == ([4], Reuse(hits, 0, 1))


def engine_of(models_dir: Any, **settings: Any) -> LocalEngine:
    cache = AnswerCache(AnswerStore(1_000_000))
    return LocalEngine(
        ModelRepository(models_dir), Telemetry(), options=RuntimeOptions(device="cpu"), cache=cache, **settings
    )


def test_a_version_that_is_loaded_answers_anew(models_dir: Any, tmp_path: Any) -> None:
    engine = engine_of(models_dir, keep_versions=1)

    async def asking() -> list[tuple[int, Reuse]]:
        async def ask() -> tuple[int, Reuse]:
            found = await engines.predict(engine, SENTIMENT, [TextInput(text="good")], TextClassificationParameters())
            assert found.outputs[0][0].label == "positive"
            assert found.reuse
            return found.version, found.reuse

        told = [await ask(), await ask()]
        publish_sentiment(models_dir, tmp_path / "2")
        await engine.load(SENTIMENT)
        return [*told, await ask(), await ask()]

    assert engines.run(engine, asking) == [
        (1, Reuse(0, 0, 1)), (1, Reuse(1, 0, 1)), (2, Reuse(0, 0, 1)), (2, Reuse(1, 0, 1)),
    ]  # fmt: skip


@pytest.mark.parametrize("draws", [False, True])
def test_a_graph_that_draws_at_random_is_asked_each_time(models_dir: Any, tmp_path: Any, draws: bool) -> None:
    noise = helper.make_node("RandomNormalLike", ["x"], ["y"]) if draws else helper.make_node("Neg", ["x"], ["y"])
    tensors = [("x", "FP32", ["n", 3])], [("y", "FP32", ["n", 3])]
    publish_tensors(models_dir, "drawing", save(tmp_path / "model.onnx", [noise], *tensors), *tensors)
    engine = engine_of(models_dir)

    async def asking() -> bool:
        x = {"x": np.ones((1, 3), np.float32)}
        first, second = [engines.tensors_of(await engines.infer(engine, "drawing", x))["y"] for _ in range(2)]
        return bool((first == second).all())

    assert engines.run(engine, asking) is not draws
