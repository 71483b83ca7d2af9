"""A prediction for a user follows from his events, in whichever service they were stored."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import ready
from engines import pickling_engine
from graphs import publish_recommender
from starlette.testclient import TestClient

from app.api.app import create_app
from app.api.http.limits import Limits
from app.events.database import database_at
from app.events.store import EventStore
from app.telemetry import Telemetry

PREDICT, EXPLAIN = "/v1/models/places/predict", "/v1/models/places/explain"
TITLES = ["one", "two", "three", "four", "five"]  # the last one that is not in the history is recommended


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("users")
    (root / "models").mkdir()
    publish_recommender(root / "models", root, TITLES)
    return root


def service(root: Path, url: str) -> TestClient:
    telemetry = Telemetry()
    database = database_at(url)
    events = EventStore(database, telemetry.events) if database else None
    engine = pickling_engine(root / "models", telemetry)
    return create_app(engine, telemetry, Limits(), events=events, beside=[events.run] if events else ())


@pytest.fixture(scope="module")
def two(root: Path) -> Iterator[tuple[TestClient, TestClient]]:
    with ExitStack() as stack:
        one, other = (stack.enter_context(ready(service(root, f"sqlite:///{root}/events.db"))) for _ in range(2))
        yield one, other


def recommended(client: TestClient, *items: dict[str, object]) -> list[list[str]]:
    reply = client.post(PREDICT, json={"inputs": list(items), "parameters": {"top_k": 5}})
    assert reply.status_code == 200, reply.text
    return [[one["title"] for one in output] for output in reply.json()["outputs"]]


def tell(client: TestClient, user: str, item: object, **fields: object) -> None:
    assert client.post("/v1/events", json={"kind": "view", "user": user, "item": item, **fields}).status_code == 200


def test_an_event_told_to_one_service_counts_in_the_next_answer_of_another(two):
    one, other = two
    assert recommended(other, {"user": "ann"}) == recommended(other, {"history": []})
    tell(one, "ann", "five")
    assert recommended(other, {"user": "ann"}) == [["four", "three", "two", "one"]]
    tell(other, "ann", 4)
    assert recommended(one, {"user": "ann"}) == [["three", "two", "one"]]
    assert one.delete("/v1/users/ann").status_code == 200
    assert recommended(other, {"user": "ann"}) == recommended(other, {"history": []})


def test_what_a_user_did_comes_after_the_history_that_is_sent(two):
    one, _ = two
    tell(one, "bob", "five")
    asked = [{"history": ["one"], "user": "bob"}, {"history": ["one"]}, {"user": "bob"}, {"user": "nobody"}]
    both, history, user, nobody = recommended(one, *asked)
    assert both == ["four", "three", "two"]
    assert history == ["five", "four", "three", "two"]
    assert user == ["four", "three", "two", "one"]
    assert nobody == recommended(one, {"history": []})[0]


def test_events_about_other_models_and_unknown_items_do_not_count(two):
    one, _ = two
    tell(one, "eve", "five", model="another")
    tell(one, "eve", "no such thing")
    tell(one, "eve", 99)
    assert recommended(one, {"user": "eve"}) == recommended(one, {"history": []})
    tell(one, "eve", "three", model="places")
    assert recommended(one, {"user": "eve"}) == [["five", "four", "two", "one"]]


def test_what_is_recommended_to_a_user_can_be_explained(two):
    one, _ = two
    tell(one, "kim", "two")
    reply = one.post(EXPLAIN, json={"inputs": [{"user": "kim"}], "parameters": {"top_k": 1}})
    assert [reason["title"] for reason in reply.json()["outputs"][0]["items"][0]["because"]] == ["two"]


@pytest.mark.parametrize(
    ("item", "loc", "said"),
    [
        ({}, ["inputs", 0], "neither a history nor a user is given"),
        ({"history": None}, ["inputs", 0], "neither a history nor a user is given"),
        ({"user": ""}, ["inputs", 0, "user"], "at least 1 character"),
        ({"user": 7}, ["inputs", 0, "user"], "valid string"),
        ({"user": "u", "followed": [1]}, ["inputs", 0, "followed"], "Extra inputs"),
        ({"user": "u", "history": ["six"]}, ["inputs", 0, "history", 0], 'unknown item "six"'),
    ],
)
def test_a_user_or_history_that_cannot_be_is_refused(two, item, loc, said):
    reply = two[0].post(PREDICT, json={"inputs": [item]})
    assert reply.status_code == 422
    assert reply.json()["details"][0]["loc"] == loc
    assert said in reply.json()["error"]


def test_where_no_events_are_kept_a_user_is_refused_and_a_history_answered(root):
    with ready(service(root, "off")) as client:
        reply = client.post(PREDICT, json={"inputs": [{"history": []}, {"user": "ann"}]})
        assert reply.status_code == 422
        assert reply.json()["details"][0]["loc"] == ["inputs", 1, "user"]
        assert "no events are kept here" in reply.json()["error"]
        assert recommended(client, {"history": ["five"]}) == [["four", "three", "two", "one"]]


def test_without_its_database_a_history_is_answered_and_a_user_may_ask_again(root, tmp_path):
    (tmp_path / "events.db").mkdir()
    with ready(service(root, f"sqlite:///{tmp_path}/events.db")) as client:
        reply = client.post(PREDICT, json={"inputs": [{"user": "ann"}]})
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
        assert reply.json()["error_type"] == "EventsUnavailable"
        assert recommended(client, {"history": ["five"]}) == [["four", "three", "two", "one"]]
        assert client.get("/health/ready").status_code == 200
