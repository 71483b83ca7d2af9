import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any

import engines
import pytest
from conftest import POSITIVE, publish_sentiment
from engines import near_engine

from app.errors import DeadlineExceeded, InvalidInput, ModelNotFound, ModelNotReady, PayloadTooLarge
from app.repository.manifest import Golden
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.tasks.text_classification import TextClassification, TextClassificationParameters, TextInput
from app.telemetry import Telemetry

NAME = "tiny-sentiment"


@pytest.fixture
def new_engine(models_dir) -> Callable[..., LocalEngine]:
    def make(**settings: Any) -> LocalEngine:
        options = RuntimeOptions(device="cpu")
        return LocalEngine(ModelRepository(models_dir), Telemetry(), options=options, **settings)

    return make


def go(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 30))


async def predict(engine: LocalEngine, *texts: str, version: int | None = None) -> Any:
    items = [TextInput(text=text) for text in texts]
    return await engines.predict(engine, NAME, items, TextClassificationParameters(), version=version)


def states(engine: LocalEngine) -> dict[int, str]:
    (model,) = engine.status().models
    return {one.version: one.state for one in model.versions}


def reason(engine: LocalEngine, version: int) -> str:
    (model,) = engine.status().models
    return next(one.reason for one in model.versions if one.version == version)


def edit_manifest(models_dir, version: int, **changes: Any) -> None:
    path = models_dir / NAME / str(version) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_it_is_ready_when_every_model_can_predict(new_engine):
    async def main():
        engine = new_engine()
        assert not engine.status().is_ready
        await engine.load()
        status = engine.status()
        await engine.stop()
        return status, engine.status()

    running, stopped = go(main())
    assert running.is_ready
    assert running.reason == ""
    assert not stopped.is_ready
    assert stopped.reason == "the service is stopping"


def test_a_bad_item_fails_alone_though_others_come_at_the_same_moment(new_engine):
    async def main():
        engine = new_engine()
        await engine.load()
        asked = [predict(engine, text) for text in ("good", " ", "film")]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        await engine.stop()
        return answers

    good, bad, film = go(main())
    assert isinstance(bad, InvalidInput)
    assert bad.details == [{"loc": ["inputs", 0, "text"], "msg": "the text is empty"}]
    assert good.outputs[0][0].label == "positive"
    assert len(film.outputs[0]) == 2


def test_only_the_newest_versions_stay_loaded(new_engine, models_dir, tmp_path):
    async def main():
        engine = new_engine(keep_versions=2)
        await engine.load()
        for number in (2, 3):
            publish_sentiment(models_dir, tmp_path / str(number))
            await engine.load(NAME)
        assert states(engine) == {1: "unloaded", 2: "ready", 3: "ready"}
        assert (await predict(engine, "good")).version == 3
        assert (await predict(engine, "good", version=2)).version == 2
        with pytest.raises(ModelNotReady, match="version 1 is unloaded"):
            engine.find(NAME, 1)
        with pytest.raises(ModelNotFound, match="no version 9"):
            engine.find(NAME, 9)
        await engine.stop()

    go(main())


def test_removing_the_newest_version_rolls_back(new_engine, models_dir, tmp_path):
    publish_sentiment(models_dir, tmp_path / "2")

    async def main():
        engine = new_engine()
        await engine.load()
        (models_dir / NAME / "2").rename(tmp_path / "withdrawn")
        await engine.load(NAME)
        assert (await predict(engine, "good")).version == 1
        assert states(engine) == {1: "ready"}
        await engine.stop()

    go(main())


def test_a_switch_fails_no_request_that_is_under_way(new_engine, models_dir, tmp_path):
    async def main():
        engine = new_engine(keep_versions=1)
        await engine.load()
        done = asyncio.Event()

        async def keep_asking() -> set[int]:
            seen = set()
            while not done.is_set():
                seen.add((await predict(engine, "good", "bad")).version)
            return seen

        asking = [asyncio.create_task(keep_asking()) for _ in range(4)]
        for number in (2, 3):
            publish_sentiment(models_dir, tmp_path / str(number))
            await engine.load(NAME)
            await asyncio.sleep(0.05)
        done.set()
        seen = set().union(*await asyncio.gather(*asking))
        await engine.stop()
        return seen

    assert go(main()) == {1, 2, 3}


def test_stopping_answers_what_was_admitted_and_refuses_the_rest(new_engine):
    async def main():
        engine = new_engine()
        await engine.load()
        asked = [asyncio.create_task(predict(engine, "good", "bad")) for _ in range(20)]
        await asyncio.sleep(0)
        await engine.stop()
        answers = await asyncio.gather(*asked)
        with pytest.raises(ModelNotReady, match="stopping"):
            await predict(engine, "good")
        return answers

    assert len(go(main())) == 20


def test_a_request_that_makes_more_rows_than_a_queue_holds_is_told_to_be_smaller(new_engine):
    async def main():
        engine = new_engine(max_queue_size=3)
        await engine.load()
        try:
            await predict(engine, *["good"] * 4)
        finally:
            await engine.stop()

    with pytest.raises(PayloadTooLarge, match=r"inputs\.3"):
        go(main())


def test_an_empty_repository_is_ready_and_knows_no_model(tmp_path):
    async def main():
        engine = near_engine(tmp_path / "none")
        await engine.load()
        assert engine.status().is_ready
        with pytest.raises(ModelNotFound, match="there are: none"):
            engine.find("x")
        await engine.stop()

    go(main())


def test_golden_examples_may_differ_within_their_tolerance(new_engine, models_dir):
    near = [{**label, "score": label["score"] + 0.02} for label in POSITIVE]
    golden = Golden(input={"text": "a good film"}, output=near, tolerance=0.05).model_dump()
    edit_manifest(models_dir, 1, golden=[golden])

    async def main():
        engine = new_engine()
        await engine.load()
        found = states(engine)
        await engine.stop()
        return found

    assert go(main()) == {1: "ready"}


def test_loading_one_model_says_nothing_of_another_that_was_just_published(new_engine, models_dir, tmp_path):
    async def main():
        engine = new_engine()
        await engine.load()
        publish_sentiment(models_dir, tmp_path / "other", name="other")
        await engine.load(NAME)
        assert engine.status().is_ready
        await engine.stop()

    go(main())


def test_a_model_that_failed_and_was_removed_is_forgotten(new_engine, models_dir, tmp_path):
    publish_sentiment(models_dir, tmp_path / "bad", name="bad")
    (models_dir / "bad" / "1" / "model.onnx").unlink()

    async def main():
        engine = new_engine(required=("bad",))
        await engine.load()
        assert not engine.status().is_ready
        (models_dir / "bad").rename(tmp_path / "gone")
        await engine.load("bad")
        assert [model.name for model in engine.status().models] == [NAME]
        with pytest.raises(ModelNotFound):
            engine.find("bad")
        await engine.stop()

    go(main())


def test_stopping_while_loading_leaves_nothing_live(new_engine, models_dir, tmp_path):
    async def main():
        engine = new_engine()
        loading = asyncio.create_task(engine.load())
        while not engine.status().models:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert [status.name for status in engine.status().models] == [NAME]
        await engine.stop()
        with pytest.raises(ModelNotReady):
            await loading
        assert engine.status().models[0].manifest is None

    go(main())


def test_a_request_that_began_before_a_switch_is_answered_by_whoever_is_live_then(new_engine, models_dir, tmp_path):
    async def main():
        engine = new_engine(keep_versions=1)
        await engine.load()
        assert engine.find(NAME).manifest.version == 1
        publish_sentiment(models_dir, tmp_path / "2")
        await engine.load(NAME)
        answer = await predict(engine, "good")
        await engine.stop()
        return answer.version

    assert go(main()) == 2


def test_a_request_nobody_waits_for_is_not_preprocessed_to_its_end(new_engine, monkeypatch):
    read: list[int] = []

    def slowly(self, item, parameters):
        read.append(1)
        time.sleep(0.05)
        return prepare(self, item, parameters)

    prepare = TextClassification.preprocess
    monkeypatch.setattr(TextClassification, "preprocess", slowly)

    async def main():
        engine = new_engine()
        await engine.load()
        read.clear()
        items = [TextInput(text="good")] * 40
        with pytest.raises(DeadlineExceeded):
            await engines.predict(engine, NAME, items, TextClassificationParameters(), within_s=0.12)
        await engine.stop()
        await asyncio.sleep(0.2)
        return len(read)

    assert go(main()) <= 6  # three on each of two threads
