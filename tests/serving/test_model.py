"""A version that is live: each of its views is answered, what it does is counted, and it can be drained."""

import asyncio

import numpy as np
import pytest
from engines import asking, infer, near_engine, predict, run, tensors_of
from graphs import publish_recommender

from app.errors import InvalidInput, Overloaded
from app.serving.batcher import Batcher
from app.serving.local import LocalEngine
from app.serving.scheduler import Turn
from app.tasks.recommendation import HistoryInput, ItemQuery, ItemQueryParameters, RecommendationParameters
from app.tasks.view import View
from app.telemetry import Statistics

NAME = "places"
TITLES = ["Alien (1979)", "Aliens (1986)", "Brazil (1985)"]


@pytest.fixture
def engine(tmp_path) -> LocalEngine:
    publish_recommender(tmp_path / "models", tmp_path, TITLES)
    return near_engine(tmp_path / "models")


def statistics(engine: LocalEngine) -> Statistics:
    found = engine.status(NAME).models[0].versions[0].statistics
    assert found is not None
    return found


def test_one_graph_answers_all_views_of_a_model(engine):
    history = [HistoryInput(history=["Alien (1979)"])]

    async def ask():
        own = await predict(engine, NAME, history, RecommendationParameters(top_k=1))
        reasons = engine.find(NAME).contracts["explanation"]
        why = await predict(engine, NAME, history, reasons.Parameters(top_k=1), view="explanation")
        raw = await infer(engine, NAME, {"item_ids": np.array([[0, 0, 0, 1]])})
        return own.outputs[0], why.outputs[0].items, tensors_of(raw)["scores"]

    (best,), (reasoned,), scores = run(engine, ask)
    assert best.title == reasoned.title == "Brazil (1985)"
    assert scores.tolist() == [[0, 1, 2, 3]]


def test_a_search_is_answered_by_what_the_model_holds_and_is_no_prediction(engine):
    async def ask():
        found = await predict(engine, NAME, [ItemQuery(query="alien")], ItemQueryParameters(limit=5), view="items")
        return found.outputs, statistics(engine)

    (found,), counted = run(engine, ask)
    assert [one.title for one in found] == ["Aliens (1986)", "Alien (1979)"]
    assert (counted.succeeded.count, counted.failed.count, counted.rows) == (0, 0, 0)


def test_what_is_refused_or_fails_is_counted_as_not_answered(engine):
    async def ask():
        with pytest.raises(InvalidInput) as refused:
            await predict(engine, NAME, [HistoryInput(history=["Nobody"])], RecommendationParameters())
        return refused.value.details[0]["loc"], statistics(engine)

    loc, counted = run(engine, ask)
    assert loc == ["inputs", 0, "history", 0]
    assert (counted.succeeded.count, counted.failed.count) == (0, 1)


def test_what_was_admitted_is_answered_while_a_model_is_unloaded(engine):
    async def ask():
        question = asking(engine, NAME, [HistoryInput(history=[])] * 300, RecommendationParameters())
        answering = asyncio.create_task(engine.predict(question))
        await asyncio.sleep(0)
        await engine.unload(NAME)
        return await answering

    assert len(run(engine, ask).outputs) == 300


def test_of_what_is_refused_no_more_items_are_looked_at_than_it_takes(engine, monkeypatch):
    looked_at, full = [], []

    def admit(self, deadline, priority, caller, foreseen, num_items):
        if full:
            raise Overloaded("the queue is full", 1.0)
        return Turn(deadline, priority, caller)

    def foresee(self, item, parameters):
        looked_at.append(item)
        return (1,)

    async def ask():
        items = [HistoryInput(history=[])] * 100
        monkeypatch.setattr(Batcher, "admit", admit)
        monkeypatch.setattr(View, "foreseen", foresee)
        await predict(engine, NAME, items, RecommendationParameters())
        looked_at_all = len(looked_at)
        full.append(True)
        with pytest.raises(Overloaded):
            await predict(engine, NAME, items, RecommendationParameters())
        return looked_at_all, len(looked_at) - looked_at_all

    assert run(engine, ask) == (100, 1)
