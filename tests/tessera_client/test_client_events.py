"""Events and users by both clients, against a real service."""

import asyncio
from collections.abc import Iterator

import pytest
from graphs import publish_recommender
from services import Service, running

from tessera_client import AsyncClient, Client, Event, InvalidInput, forget_user, recommend_to, send_events


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("client-events")
    (root / "models").mkdir()
    publish_recommender(root / "models", root, ["one", "two", "three"])
    with running(root / "models") as service:
        yield service


def test_what_a_user_did_is_sent_counts_and_is_forgotten(service):
    events = [Event(kind="view", user="a/b", item="three"), Event(kind="rating", user="a/b", item=1, value=2)]
    with Client(service.url) as client:
        assert client.ask(send_events(events)) == client.ask(send_events(events)) == [one.id for one in events]
        (best,) = client.ask(recommend_to("places", ["a/b"], top_k=3)).outputs
        assert [one.title for one in best] == ["two"]
        assert client.ask(forget_user("a/b")) == 2
        with pytest.raises(InvalidInput, match=r"0\.up: Field required"):
            client.ask(send_events([Event(kind="thumb", request="r")]))


def test_the_asynchronous_client_sends_the_same(service):
    async def sent() -> tuple[list[str], int]:
        async with AsyncClient(service.url) as client:
            event = Event(kind="thumb", id="t1", request="r", up=False, user="ann")
            return await client.ask(send_events([event])), await client.ask(forget_user("ann"))

    assert asyncio.run(sent()) == (["t1"], 1)
