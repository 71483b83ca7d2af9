"""A fleet on this machine: replicas answer as one process would, whatever happens to them meanwhile."""

import asyncio
import os
import signal
from collections.abc import Coroutine, Iterator
from contextlib import aclosing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import POSITIVE, publish_sentiment
from engines import asking, infer, predict, tensors_of
from graphs import publish_counting
from tiny_writer import WRITER, publish_writer
from waiting import eventually

from app.errors import DeadlineExceeded, InvalidInput, ModelNotFound, ModelNotReady
from app.repository.manifest import Golden
from app.serving.engine import Prediction
from app.serving.held import Held
from app.tasks.generation_schema import GenerationInput, GenerationParameters
from app.tasks.text_classification import TextClassificationParameters, TextInput
from app.telemetry import Telemetry

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")

NAME, COUNTING = "tiny-sentiment", "counting"
FLEET = "test-replicas"
FOR_EVER = 1e12
DRAINED_S = 5  # far less than a drain may take, 10
GUARD_S = 240  # far more than any of it takes


class Fleet:
    """An engine over two replicas of each model, and the event loop that it lives on."""

    def __init__(self, folder: Path) -> None:
        from ray_engines import two_replicas

        self.models, self.scratch = folder / "models", folder / "scratch"
        self.models.mkdir()
        self.publish()
        publish_counting(self.models, self.scratch)
        publish_writer(self.models, self.scratch / "writer")
        self.telemetry = Telemetry()
        self.engine: Any = two_replicas(self.models, self.telemetry, fleet=FLEET)
        self._runner = asyncio.Runner()

    def publish(self, **fields: Any) -> int:
        return publish_sentiment(self.models, self.scratch, **fields).version

    def run(self, asked: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(asyncio.wait_for(asked, GUARD_S))

    async def predict(self, text: str = "what a good film", **terms: Any) -> Prediction:
        return await predict(self.engine, NAME, [TextInput(text=text)], TextClassificationParameters(), **terms)

    async def count(self, steps: float, **terms: Any) -> Prediction:
        return await infer(self.engine, COUNTING, {"x": np.array([[steps]], np.float32)}, **terms)

    def version(self, number: int) -> Any:
        (model,) = self.engine.status(NAME).models
        return next(one for one in model.versions if one.version == number)

    def close(self) -> None:
        with suppress(Exception):
            self.run(self.engine.stop())
        self._runner.close()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    try:
        fleet.run(fleet.engine.load())
        yield fleet
    finally:
        fleet.close()


def processes(model: str) -> set[int]:
    """The replicas of a model, by the title that Ray gives them."""
    found = set()
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdecimal() and f"_{model}_".encode() in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
    return found


def test_answers_are_those_of_one_process(fleet: Fleet) -> None:
    prediction = fleet.run(fleet.predict())
    labels = [(one.label, round(one.score, 5)) for one in prediction.outputs[0]]
    assert (prediction.model, prediction.version) == (NAME, 1)
    assert labels == [(one["label"], round(one["score"], 5)) for one in POSITIVE]
    assert tensors_of(fleet.run(fleet.count(3))).keys() == {"y"}
    assert fleet.engine.status().is_ready


def test_errors_are_those_of_one_process_with_all_that_they_say(fleet: Fleet) -> None:
    with pytest.raises(ModelNotFound, match="no model 'nobody'; there are: counting, tiny-sentiment, tiny-writer"):
        fleet.engine.find("nobody")
    with pytest.raises(ModelNotFound, match="no version 9 of model tiny-sentiment"):
        fleet.engine.find(NAME, 9)
    with pytest.raises(InvalidInput, match="tokens") as refused:
        fleet.run(fleet.predict("good " * 100))
    assert refused.value.details[0]["loc"] == ["inputs", 0, "text"]
    with pytest.raises(InvalidInput, match="tokens"):
        fleet.run(fleet.predict("good " * 2_000_000))  # 10 MB, of which Ray would send 4 by default
    with pytest.raises(DeadlineExceeded):
        fleet.run(fleet.count(FOR_EVER, within_s=0.5))


def test_a_replica_stops_what_nobody_waits_for(fleet: Fleet) -> None:
    """Its only lane would count for weeks."""

    async def leave() -> None:
        asked = [asyncio.create_task(fleet.count(FOR_EVER)) for _ in range(4)]
        await asyncio.sleep(0.5)
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await asyncio.gather(*(fleet.count(1) for _ in range(4)))

    fleet.run(leave())


def test_text_comes_piece_by_piece_and_stops_where_its_reader_leaves(fleet: Fleet) -> None:
    parameters = GenerationParameters(max_new_tokens=8, temperature=0)
    ask = asking(fleet.engine, WRITER, [GenerationInput(text="a b")], parameters)

    async def read(most: int) -> int:
        number = 0
        async with aclosing(fleet.engine.stream(ask)) as pieces:
            async for piece in pieces:
                assert piece.model == WRITER
                number += 1
                if number == most:
                    break
        return number

    assert fleet.run(read(100)) > 2
    assert fleet.run(read(1)) == 1


def test_no_request_is_lost_when_a_replica_is_killed(fleet: Fleet) -> None:
    async def ask(number: int) -> None:
        for _ in range(number):
            assert (await fleet.predict()).version == 1

    async def main() -> None:
        asked = [asyncio.create_task(ask(50)) for _ in range(8)]
        await fleet.predict()
        os.kill(min(processes(NAME)), signal.SIGKILL)
        await asyncio.gather(*asked)

    assert len(processes(NAME)) == 2
    fleet.run(main())


def test_a_version_that_must_not_be_served_says_why_and_the_one_before_goes_on(fleet: Fleet) -> None:
    wrong = fleet.publish(golden=(Golden(input={"text": "bad"}, output=POSITIVE),))
    fleet.run(fleet.engine.load(NAME))
    assert fleet.version(wrong).state == "failed"
    assert "golden example 0 has another answer on this machine" in fleet.version(wrong).reason
    assert fleet.run(fleet.predict()).version == 1


def test_a_new_version_takes_over_and_none_is_lost(fleet: Fleet) -> None:
    told: list[int] = []
    is_over = asyncio.Event()

    async def ask() -> None:
        while not is_over.is_set():
            told.append((await fleet.predict()).version)

    async def main() -> None:
        asked = [asyncio.create_task(ask()) for _ in range(4)]
        await fleet.engine.load(NAME)
        known = await fleet.predict()
        is_over.set()
        await asyncio.gather(*asked)
        assert known.version == new

    new = fleet.publish()
    fleet.run(main())
    assert set(told) == {1, new}


def test_a_model_that_is_unloaded_is_asked_no_more_until_it_is_loaded_again(fleet: Fleet) -> None:
    fleet.run(fleet.engine.unload(COUNTING))
    with pytest.raises(ModelNotReady, match="unloaded on request"):
        fleet.engine.find(COUNTING)
    fleet.run(fleet.engine.load(COUNTING))
    fleet.run(fleet.count(1))


def test_a_model_that_is_loaded_again_while_it_still_answers_is_not_ended_with_what_was_let_go(fleet: Fleet) -> None:
    async def main() -> None:
        asked = asyncio.create_task(fleet.count(FOR_EVER, within_s=1.5))
        await asyncio.sleep(0.2)
        unloading = asyncio.create_task(fleet.engine.unload(COUNTING))
        await asyncio.sleep(0.3)
        await fleet.engine.load(COUNTING)
        await fleet.count(1)
        with pytest.raises(DeadlineExceeded):
            await asked
        await asyncio.wait_for(unloading, DRAINED_S)
        for _ in range(20):
            await asyncio.sleep(0.05)
            await fleet.count(1)

    fleet.run(main())


def test_a_keeper_that_is_started_anew_is_told_which_version_is_to_answer(fleet: Fleet) -> None:
    import ray
    from ray.exceptions import RayActorError

    from app.fleet.environment import NAMESPACE
    from app.fleet.table import Front, keeper_of

    keeper = ray.get_actor(keeper_of(FLEET), NAMESPACE)

    def told() -> Any:
        return ray.get(keeper.table.remote(Front("nobody", "", -1, frozenset(), {})))

    def is_there_again() -> bool:
        fleet.run(asyncio.sleep(0.05))
        with suppress(RayActorError):
            return told().keeper != before and told().is_complete
        return False

    fleet.engine.hold(NAME, Held(1))
    eventually(lambda: bool(fleet.run(fleet.predict()).version == 1))
    before = told().keeper
    ray.kill(keeper, no_restart=False)
    eventually(is_there_again, 60)
    assert told().live[NAME][0].version == 1
    assert fleet.run(fleet.predict()).version == 1
    fleet.engine.hold(NAME, Held())


def test_metrics_of_replicas_are_told_by_the_front(fleet: Fleet) -> None:
    def is_told() -> bool:
        fleet.run(asyncio.sleep(0.05))  # the front hears of replicas while its event loop runs
        return b'tessera_model_ready{model="tiny-sentiment",replica="' in fleet.telemetry.render()

    eventually(is_told)
