"""Events of a whole service: no acknowledged one is lost, and bad days of the disk are got over."""

import asyncio
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_FSIZE, prlimit

import httpx
import pytest
from databases import running, stored
from services import Service
from waiting import eventually

EVENTS = "/v1/events"


@pytest.fixture(scope="module")
def service(kept_models_dir: Path) -> Iterator[Service]:
    """It is killed by the last test."""
    service = Service(kept_models_dir)
    try:
        eventually(service.is_ready, 90)
        yield service
    finally:
        service.close()


def view(name: str) -> dict[str, str]:
    return {"id": name, "kind": "view", "user": "ann", "item": "tea"}


def kept(service: Service) -> set[str]:
    with closing(sqlite3.connect(service.models_dir.parent / "events.db")) as connection:
        return {name for (name,) in connection.execute("SELECT id FROM tessera_events")}


def test_on_a_full_disk_events_are_refused_and_predictions_go_on_until_there_is_room(service):
    assert httpx.post(service.url + EVENTS, json=view("before")).status_code == 200
    prlimit(service.process.pid, RLIMIT_FSIZE, (30_000, RLIM_INFINITY))  # no file grows beyond that
    comment = {"kind": "thumb", "request": "r", "up": True, "comment": "x" * 2000}
    reply = httpx.post(service.url + EVENTS, json=[comment] * 30)
    assert reply.status_code == 503
    assert int(reply.headers["retry-after"]) >= 1
    assert "the database of events cannot be used now" in reply.json()["error"]
    asked = {"inputs": ["a good film"]}
    assert httpx.post(f"{service.url}/v1/models/tiny-sentiment/predict", json=asked).status_code == 200
    assert service.is_ready()
    prlimit(service.process.pid, RLIMIT_FSIZE, (RLIM_INFINITY, RLIM_INFINITY))
    eventually(lambda: httpx.post(service.url + EVENTS, json=view("with room")).status_code == 200)
    assert kept(service) == {"before", "with room"}


def test_a_service_that_is_killed_loses_no_acknowledged_event_and_a_new_one_goes_on(service):
    acknowledged: set[str] = set()

    def send(number: int) -> None:
        with httpx.Client(base_url=service.url) as client, suppress(httpx.TransportError):
            for i in range(10_000):
                reply = client.post(EVENTS, json=[view(f"{number}-{i}-{j}") for j in range(3)])
                acknowledged.update(reply.json()["ids"])

    senders = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for one in senders:
        one.start()
    eventually(lambda: len(acknowledged) > 300, 30)
    service.process.send_signal(signal.SIGKILL)
    for one in senders:
        one.join()
    service.ended()
    assert acknowledged <= kept(service)
    assert len([name for name in kept(service) if "-" in name]) % 3 == 0  # of a request all or none

    async def one_more() -> None:
        async with running(f"sqlite:///{service.models_dir.parent}/events.db") as store:
            await store.keep([stored(0, id="after")])

    asyncio.run(one_more())
    assert acknowledged | {"after"} <= kept(service)
