"""A share of the answers is kept beside the events, in the form that the settings say."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import ready
from graphs import publish_recommender
from starlette.testclient import TestClient
from waiting import eventually

from app.api.kept import KeptAnswers
from app.events.database import database_at
from app.events.rows import StoredAnswer
from app.events.store import EventStore
from app.main import build
from app.serving.engine import Ask, Prediction
from app.settings import Settings
from app.telemetry import Telemetry

PREDICT = "/v1/models/tiny-sentiment/predict"
SECRET = "a good film, says ann@mail.example"


@pytest.fixture(scope="module")
def models(kept_models_dir: Path) -> Path:
    publish_recommender(kept_models_dir, kept_models_dir.parent / "scratch", ["one", "two"])
    return kept_models_dir


def answers(folder: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(folder / "events.db")) as connection:
        connection.row_factory = sqlite3.Row
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            return []
        return [dict(row) for row in connection.execute("SELECT * FROM tessera_answers ORDER BY seq")]


def service(models: Path, folder: Path, **settings: Any) -> TestClient:
    url = f"sqlite:///{folder}/events.db"
    application, _ = build(Settings(models_dir=models, device="cpu", database_url=url, **settings))
    return application


def kept(client: TestClient, folder: Path, asked: Any) -> dict[str, Any]:
    """Ask, and return what is kept of the answer."""
    name = client.post(PREDICT, json=asked).headers["x-request-id"]
    with_answer = folder / "events.db"
    eventually(lambda: with_answer.exists() and any(one["request"] == name for one in answers(folder)))
    return next(one for one in answers(folder) if one["request"] == name)


def test_an_answer_is_kept_masked_with_what_was_asked_and_the_id_that_a_thumb_names(models, tmp_path):
    with ready(service(models, tmp_path, log_answers=1)) as client:
        row = kept(client, tmp_path, {"inputs": [{"text": SECRET}]})
    assert (row["model"], row["version"], row["view"], row["person"]) == (
        "tiny-sentiment",
        1,
        "text-classification",
        "",
    )
    assert json.loads(row["input"]) == [{"text": "a good film, says <e-mail>"}]
    assert json.loads(row["output"])[0][0]["label"] == "positive"


@pytest.mark.parametrize(("keeps", "told"), [("outputs", ""), ("whole", json.dumps([{"text": SECRET}]))])
def test_inputs_are_kept_whole_or_not_at_all(models, tmp_path, keeps, told):
    with ready(service(models, tmp_path, log_answers=1, answers_keep=keeps)) as client:
        row = kept(client, tmp_path, {"inputs": [{"text": SECRET}]})
    assert row["input"] == told
    assert row["output"]


def test_what_was_answered_to_a_user_is_forgotten_with_him(models, tmp_path):
    with ready(service(models, tmp_path, log_answers=1, events_pepper="0123456789abcdef")) as client:
        asked = {"inputs": [{"user": "ann", "history": ["one"]}]}
        client.post("/v1/models/places/predict", json=asked)
        client.post("/v1/models/places/predict", json={"inputs": [{"user": "ann"}, {"user": "bob"}]})
        row = kept(client, tmp_path, {"inputs": ["good"]})
        eventually(lambda: len(answers(tmp_path)) == 2)
        assert "ann" not in str([{**one, "request": ""} for one in answers(tmp_path)])
        client.delete("/v1/users/ann")
        assert answers(tmp_path) == [row]


def test_by_default_no_answer_is_kept_and_no_file_made(models, tmp_path):
    with ready(service(models, tmp_path)) as client:
        client.post(PREDICT, json={"inputs": ["good"]})
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="answers are kept where events are"):
        build(Settings(models_dir=models, device="cpu", database_url="off", log_answers=0.1))


class Written:
    """An output of which one value is written; it counts the values that were."""

    binary_field = None

    def __init__(self) -> None:
        self.count = 0

    def written(self, output: str) -> list[bytes]:
        self.count += 1
        return [json.dumps(output).encode()]


class Hanging:
    """Threads that are busy, and the number of answers that wait for them."""

    def __init__(self) -> None:
        self.count = 0

    async def make(self, function: Any, *, is_quick: bool) -> Any:
        self.count += 1
        await asyncio.Event().wait()


class AtOnce:
    async def make(self, function: Any, *, is_quick: bool) -> Any:
        return function()


class Remembered(EventStore):
    """A store that remembers the answers that it is given."""

    def keep_answer(self, answer: StoredAnswer) -> None:
        self.answer = answer


def test_of_answers_that_nobody_has_time_to_write_few_are_held(tmp_path):
    asked, told = Ask("m", None, "view", [], None, 1.0), Prediction("m", 1, [], None)

    async def held() -> tuple[int, bool]:
        telemetry, aside = Telemetry(), Hanging()
        events = EventStore(database_at(f"sqlite:///{tmp_path}/events.db"), telemetry.events)
        kept = KeptAnswers(events, 1.0, "whole")
        for _ in range(150):
            kept.answered(asked, Written(), told, aside)
        await asyncio.sleep(0)
        return aside.count, b"tessera_answers_dropped_total 50.0" in telemetry.render()

    assert asyncio.run(held()) == (100, True)


def test_nothing_is_read_of_an_answer_after_it_is_known_to_be_too_large(tmp_path):
    contract, large = Written(), Prediction("m", 1, ["x" * 100_000] * 50, None)
    events = Remembered(database_at(f"sqlite:///{tmp_path}/events.db"), Telemetry().events)

    async def kept() -> StoredAnswer:
        KeptAnswers(events, 1.0, "whole").answered(
            Ask("m", None, "view", ["good"], None, 1.0), contract, large, AtOnce()
        )
        await asyncio.sleep(0)
        return events.answer

    answer = asyncio.run(kept())
    assert (answer.input, answer.output) == ('["good"]', "")
    assert contract.count == 2
