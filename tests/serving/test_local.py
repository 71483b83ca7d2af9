"""An engine tells and answers alike, near and far: another process would get what is got here."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest
from conftest import POSITIVE
from engines import FarEngine, asking, infer, predict, sent, tensors_of

from app.errors import InvalidInput, ModelNotFound, ModelNotReady
from app.serving.engine import Engine
from app.serving.local import LocalEngine
from app.tasks.text_classification import TextClassificationParameters, TextInput
from app.tasks.view import to_json

NAME = "tiny-sentiment"
GOOD = TextInput(text="what a good film")


@pytest.fixture(params=["near", "far"])
def asked(engine: LocalEngine, request: pytest.FixtureRequest) -> Engine:
    return engine if request.param == "near" else FarEngine(engine)


def go(engine: Engine, asking: Coroutine[Any, Any, Any]) -> Any:
    async def main() -> Any:
        await engine.load()
        try:
            return await asking
        finally:
            await engine.stop()

    return asyncio.run(asyncio.wait_for(main(), 30))


def test_items_are_answered_by_the_view_that_is_asked(asked):
    async def ask():
        own = await predict(asked, NAME, [GOOD], TextClassificationParameters())
        raw = await infer(asked, NAME, asked_tensors(asked))
        return own, raw

    own, raw = go(asked, ask())
    assert (own.model, own.version) == (NAME, 1)
    assert to_json(own.outputs[0]) == [{**one, "score": pytest.approx(one["score"], abs=1e-5)} for one in POSITIVE]
    assert tensors_of(raw)["logits"].tolist() == [[0, 2]]


def asked_tensors(engine: Engine) -> dict[str, Any]:
    kinds = {spec.name: spec.datatype for spec in engine.find(NAME).manifest.inputs}
    assert set(kinds.values()) == {"INT64"}
    return {"input_ids": np.array([[5, 2, 4]]), "attention_mask": np.array([[1, 1, 1]])}


def test_what_is_not_streamed_comes_in_one_piece(asked):
    async def ask():
        return [piece async for piece in asked.stream(asking(asked, NAME, [GOOD], TextClassificationParameters()))]

    (piece,) = go(asked, ask())
    assert to_json(piece.outputs[0])[0]["label"] == "positive"


def test_a_stream_that_cannot_begin_says_why(asked):
    async def ask():
        question = asking(asked, NAME, [TextInput(text=" ")], TextClassificationParameters())
        return [piece async for piece in asked.stream(question)]

    with pytest.raises(InvalidInput) as refused:
        go(asked, ask())
    assert refused.value.details == [{"loc": ["inputs", 0, "text"], "msg": "the text is empty"}]


def test_a_view_that_a_model_lacks_is_refused_with_those_that_it_has(asked):
    async def ask():
        question = asking(asked, NAME, [GOOD], TextClassificationParameters())
        return await asked.predict(question._replace(view="items", read_for=""))

    with pytest.raises(InvalidInput, match="has no 'items'; it has: text-classification, explanation, raw"):
        go(asked, ask())


def test_what_is_served_and_its_state_are_told_as_data(asked):
    async def ask():
        await predict(asked, NAME, [GOOD], TextClassificationParameters())
        return asked.find(NAME), asked.status(NAME), asked.status()

    served, status, all_ = go(asked, ask())
    assert list(served.contracts) == ["text-classification", "explanation"]
    assert list(served.forms) == ["text-classification", "explanation", "raw"]
    assert served.contract.title == "TextClassification"
    assert served.class_names == {"logits": ["negative", "positive"]}
    (version,) = status.models[0].versions
    assert version.is_ready
    assert version.statistics.succeeded.count == 1
    assert [one.name for one in all_.models] == [NAME]
    assert sent(served) == served


def test_statistics_that_were_told_do_not_change(asked):
    async def ask():
        before = asked.status(NAME).models[0].versions[0].statistics
        await predict(asked, NAME, [GOOD], TextClassificationParameters())
        return before

    assert go(asked, ask()).succeeded.count == 0


def test_whoever_asks_for_what_is_not_there_is_told_so(asked):
    async def ask():
        for tell in (asked.find, asked.status):
            with pytest.raises(ModelNotFound, match=f"no model 'nobody'; there are: {NAME}"):
                tell("nobody")
        await asked.unload(NAME)
        with pytest.raises(ModelNotReady, match="unloaded on request"):
            asked.find(NAME)
        return asked.status(NAME).models[0]

    status = go(asked, ask())
    assert (status.is_ready, status.versions[0].state, status.versions[0].is_ready) == (False, "unloaded", False)
