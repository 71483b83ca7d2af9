"""POST /v1/events and DELETE /v1/users/…, through the application and a file of SQLite."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from engines import pickling_engine
from starlette.testclient import TestClient
from waiting import eventually

from app.api.app import create_app
from app.api.http.limits import Limits
from app.api.v1.event_schema import EXAMPLES, MOST_EVENTS
from app.events.database import database_at
from app.events.store import EventStore
from app.keys import KeyRing, add_key
from app.telemetry import Telemetry

EVENTS = "/v1/events"
TEA = {"kind": "view", "user": "ann", "item": "tea"}


def application(folder: Path, url: str, keys: KeyRing | None = None) -> TestClient:
    """One without models."""
    telemetry = Telemetry()
    (folder / "models").mkdir(exist_ok=True)
    engine = pickling_engine(folder / "models", telemetry)
    database = database_at(url)
    events = EventStore(database, telemetry.events, days=365) if database else None
    return TestClient(
        create_app(engine, telemetry, Limits(), keys=keys, events=events, beside=[events.run] if events else ())
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events")


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    with application(folder, f"sqlite:///{folder}/events.db") as client:
        yield client


def rows(folder: Path, columns: str, where: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "events.db")) as connection:
        return connection.execute(f"SELECT {columns} FROM tessera_events WHERE {where} ORDER BY seq").fetchall()


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_every_example_of_the_documents_can_be_sent(client, example):
    reply = client.post(EVENTS, json=example)
    assert reply.status_code == 200
    assert len(reply.json()["ids"]) == (len(example) if isinstance(example, list) else 1)


def test_an_event_is_on_the_disk_when_it_is_acknowledged(client, folder):
    (name,) = client.post(EVENTS, json={**TEA, "kind": "rating", "value": 4.5, "model": "shop"}).json()["ids"]
    assert rows(folder, "kind, person, model, item, value", f"id = '{name}'") == [
        ("rating", "ann", "shop", '"tea"', 4.5)
    ]


def test_the_same_id_again_changes_nothing_and_answers_the_same(client, folder):
    first = client.post(EVENTS, json={**TEA, "id": "twice"})
    again = client.post(EVENTS, json=[{**TEA, "id": "twice", "item": "coffee"}])
    assert first.json() == again.json() == {"ids": ["twice"]}
    assert rows(folder, "item", "id = 'twice'") == [('"tea"',)]


def test_events_of_a_list_keep_their_order_and_later_ones_come_after(client, folder):
    client.post(EVENTS, json=[{**TEA, "user": "order", "item": i} for i in range(100)])
    client.post(EVENTS, json={**TEA, "user": "order", "item": 100})
    at = [moment for (moment,) in rows(folder, "at", "person = 'order'")]
    assert at == sorted(at)
    assert len(set(at[:100])) == 100


def test_a_clock_that_is_a_little_ahead_is_taken_for_ours_and_one_far_ahead_refused(client, folder):
    now = datetime.now(UTC)
    soon, later = (now + timedelta(seconds=one) for one in (100, 1000))
    reply = client.post(EVENTS, json={**TEA, "id": "soon", "at": soon.isoformat()})
    assert reply.status_code == 200
    ((at, received),) = rows(folder, "at, received", "id = 'soon'")
    assert at == received < soon.timestamp() * 1e6
    refused = client.post(EVENTS, json=[TEA, {**TEA, "at": later.isoformat()}])
    assert refused.status_code == 422
    assert refused.json()["details"][0]["loc"] == [1, "at"]
    assert "s ahead of the service's clock, and may be 300" in refused.json()["error"]


def at(moment: str) -> dict[str, Any]:
    return {**TEA, "at": moment}


NAN = '{"kind": "rating", "user": "ann", "item": "tea", "value": NaN}'
HALF = r'[{"kind": "view", "user": "ann", "item": "tea"}, {"kind": "view", "user": "ann", "item": "\ud800"}]'
REFUSED = [
    pytest.param({}, [], "Unable to extract tag", id="nothing"),
    pytest.param([], [], "at least 1 item", id="no-event"),
    pytest.param(7, [], "dictionary or object", id="a-number"),
    pytest.param({"kind": "sale"}, [], "'view', 'click', 'purchase', 'rating', 'thumb', 'correction'", id="kind"),
    pytest.param([TEA, {"kind": "view", "item": 1}], [1, "user"], "Field required", id="no-user"),
    pytest.param({**TEA, "item": True}, ["item"], "an item is its id", id="item"),
    pytest.param({**TEA, "item": "x" * 501}, ["item"], "at most 500 characters", id="long-title"),
    pytest.param({**TEA, "item": "a\0b"}, ["item"], "none of them is NUL", id="nul-in-title"),
    pytest.param({**TEA, "user": "a\0b"}, ["user"], "should match pattern", id="nul-in-user"),
    pytest.param({**TEA, "user": "u" * 129}, ["user"], "at most 128 characters", id="long-user"),
    pytest.param({**TEA, "id": ""}, ["id"], "at least 1 character", id="empty-id"),
    pytest.param({**TEA, "model": "No Name"}, ["model"], "is not a model's name", id="model"),
    pytest.param({**TEA, "x": 1}, ["x"], "Extra inputs", id="unknown-field"),
    pytest.param(HALF, [1, "item"], "half of a surrogate pair", id="lone-surrogate"),
    pytest.param(NAN, ["value"], "finite", id="nan"),
    pytest.param({**TEA, "kind": "rating", "value": 1e300}, ["value"], "less than or equal to 100", id="huge-rating"),
    pytest.param({"kind": "thumb", "request": "r", "up": 1}, ["up"], "valid boolean", id="thumb"),
    pytest.param({"kind": "thumb", "up": True}, ["request"], "Field required", id="thumb-on-nothing"),
    pytest.param('{"kind": "correction", "request": "r", "expected": [1e999]}', ["expected"], "finite", id="infinite"),
    pytest.param(
        {"kind": "correction", "request": "r", "expected": "x" * 10_001}, ["expected"], "10003 bytes", id="long"
    ),
    pytest.param(at("2026-01-01"), ["at"], "a date and time with its offset", id="date-alone"),
    pytest.param(at("2026-01-01T00:00:00"), ["at"], "a date and time with its offset", id="no-offset"),
    pytest.param(at("2026-02-31T00:00:00Z"), ["at"], "valid datetime", id="no-such-day"),
    pytest.param(at("1969-12-31T23:59:59Z"), ["at"], "is before 1970", id="before-1970"),
    pytest.param(at("2001-01-01T00:00:00Z"), ["at"], "more than 365 days ago", id="old"),
    pytest.param("{", [], "not valid JSON", id="no-json"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "loc", "said"), REFUSED)
def test_what_is_wrong_is_named_with_its_place_and_nothing_is_stored(client, folder, sent, loc, said):
    before = rows(folder, "count(*)", "true")
    reply = client.post(EVENTS, content=sent if isinstance(sent, str) else json.dumps(sent))
    assert reply.status_code == 422
    told = reply.json()
    assert said in told["error"]
    assert told["details"][0]["loc"] == loc if loc else "details" not in told or not told["details"][0]["loc"]
    assert rows(folder, "count(*)", "true") == before


def test_more_events_than_a_request_may_have_are_refused(client):
    assert client.post(EVENTS, json=[TEA] * MOST_EVENTS).status_code == 200
    reply = client.post(EVENTS, json=[TEA] * (MOST_EVENTS + 1))
    assert reply.status_code == 413
    assert reply.json()["error"] == f"{MOST_EVENTS + 1} events; a request may have {MOST_EVENTS}"
    assert client.post(EVENTS, content=b" " * 1_000_001).status_code == 413


def test_a_user_is_forgotten_by_one_call_whatever_his_id_is(client, folder):
    for user in ("ann", "a/b?c d", "ä"):
        client.post(EVENTS, json=[{**TEA, "user": user}] * 2)
        named = quote(user, safe="")
        reply = client.delete(f"/v1/users/{named}")
        assert reply.status_code == 200
        assert reply.json()["user"] == user
        assert reply.json()["events"] >= 2
        assert client.delete(f"/v1/users/{named}").json() == {"user": user, "events": 0}
    assert not rows(folder, "*", "person IN ('ann', 'a/b?c d', 'ä')")


def test_what_is_no_user_cannot_be_forgotten(client):
    reply = client.delete(f"/v1/users/{'u' * 129}")
    assert reply.status_code == 422
    assert reply.json()["details"][0]["loc"] == ["path", "user"]


def test_events_are_counted_by_kind_and_refusals_by_reason(client):
    client.post(EVENTS, json={**TEA, "kind": "click"})
    lines = client.get("/metrics").text.splitlines()
    assert any(line.startswith('tessera_events_total{kind="click"}') for line in lines)
    assert "tessera_events_waiting 0.0" in lines


def test_ids_of_two_senders_never_meet(tmp_path):
    file = tmp_path / "keys.json"
    secrets = [add_key(file, name, scopes=("events",)) for name in ("shop", "app")]
    asking, ruling = add_key(file, "asks"), add_key(file, "rules", scopes=("admin",))
    with application(tmp_path, f"sqlite:///{tmp_path}/events.db", KeyRing(file)) as client:
        for secret in secrets:
            reply = client.post(EVENTS, json={**TEA, "id": "1"}, headers={"X-API-Key": secret})
            assert reply.status_code == 200
        assert client.post(EVENTS, json=TEA).status_code == 401
        assert client.post(EVENTS, json=TEA, headers={"X-API-Key": asking}).status_code == 403
        assert client.delete("/v1/users/bob", headers={"X-API-Key": secrets[0]}).status_code == 403
        assert client.delete("/v1/users/bob", headers={"X-API-Key": ruling}).status_code == 200
    assert rows(tmp_path, "sender", "id = '1'") == [("shop",), ("app",)]


def test_where_no_events_are_kept_that_is_said(tmp_path):
    with application(tmp_path, "off") as client:
        for reply in (client.post(EVENTS, json=TEA), client.delete("/v1/users/ann")):
            assert reply.status_code == 501
            assert reply.json()["error"] == "this service keeps no events: TESSERA_DATABASE_URL is off"


def test_a_database_that_cannot_be_used_is_no_reason_to_be_unready(tmp_path):
    with application(tmp_path, f"sqlite:///{tmp_path}/missing/events.db") as client:
        for _ in range(2):
            reply = client.post(EVENTS, json=TEA)
            assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
            assert reply.json()["error_type"] == "EventsUnavailable"
        assert client.get("/health/live").status_code == 200
        assert 'tessera_events_refused_total{reason="EventsUnavailable"} 2.0' in client.get("/metrics").text
        (tmp_path / "missing").mkdir()
        eventually(lambda: client.post(EVENTS, json=TEA).status_code == 200)


def test_the_documents_have_the_schema_of_each_kind_and_an_example(client):
    document = client.get("/openapi.json").json()
    operation = document["paths"][EVENTS]["post"]
    body = operation["requestBody"]["content"]["application/json"]
    assert body["examples"].keys() == EXAMPLES.keys()
    kinds = {"ViewEvent", "ClickEvent", "PurchaseEvent", "RatingEvent", "ThumbEvent", "CorrectionEvent"}
    assert kinds <= document["components"]["schemas"].keys()
    assert {"200", "422", "501", "503"} <= operation["responses"].keys()
    assert document["paths"]["/v1/users/{user}"]["delete"]["parameters"][0]["name"] == "user"
