"""Bodies on their way, as a route reads them: limits of each and of all, and clients that are slow."""

import asyncio
import gzip
from collections.abc import Callable, Coroutine, Iterator
from functools import wraps
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from app.api.http.aside import Aside
from app.api.http.routes import DirectRoute
from app.api.http.transit import Body, Transit
from app.errors import DeadlineExceeded, ModelNotReady, Overloaded, PayloadTooLarge

PREDICT = "/v1/models/tiny-sentiment/predict"
BODY = b'{"inputs": ["a good film"]}'
HEAD = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\n".encode()
WHOLE = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
ASIDE = Aside()
READY = b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module", autouse=True)
def _threads_end() -> Iterator[None]:
    yield
    ASIDE.close()  # or turns stay short, if it was busy when the last loop ended


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(**arguments: Any) -> None:
        asyncio.run(test(**arguments))

    return run


def transit(most_bytes: int = 1000, limit: int = 1000, timeout_s: float = 10) -> Transit:
    return Transit(lambda path: limit, timeout_s, most_bytes, ASIDE)


async def not_called(request: Request, names: dict[str, str]) -> Response:
    raise AssertionError


class Client:
    """One that sends a body in parts, when it is told to. If it `works`, its request is not answered then.

    It `asks` a model, or does something that should not be left half done.
    """

    def __init__(
        self, transit: Transit, caller: str = "", works: bool = False, asks: bool = True, **headers: str
    ) -> None:
        self._works = works
        self._parts: asyncio.Queue[dict] = asyncio.Queue()
        given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "path": "/", "headers": given, "client": (caller, 1)}
        if asks:
            scope["route"] = DirectRoute("POST", "/", not_called)
        self.body = Body(transit, scope, self._parts.get)
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> int:
        size, more = 0, True
        while more:
            message = await self.body()
            size, more = size + len(message["body"]), message["more_body"]
        try:
            await asyncio.sleep(20 if self._works else 0)
        except asyncio.CancelledError:
            raise self.body.refused() or AssertionError("cancelled by somebody else") from None
        return size

    async def sends(self, content: int | bytes, more_body: bool = True) -> None:
        self._parts.put_nowait({"type": "http.request", "body": bytes(content), "more_body": more_body})
        for _ in range(5):
            await asyncio.sleep(0)


@in_a_loop
async def test_of_bodies_beyond_the_limit_of_all_the_one_that_held_most_for_longest_is_refused():
    all_of_them = transit(most_bytes=1000)
    large, small = Client(all_of_them), Client(all_of_them)
    await large.sends(700)
    await small.sends(100)
    await asyncio.sleep(0.05)
    quick = Client(all_of_them)
    await quick.sends(600)
    with pytest.raises(Overloaded, match="has held most for longest"):
        await large.reading
    await quick.sends(0, more_body=False)
    assert await quick.reading == 600
    await small.sends(100, more_body=False)
    assert await small.reading == 200


@in_a_loop
async def test_where_all_that_is_held_has_arrived_whoever_comes_is_refused_and_nobody_else():
    all_of_them = transit(most_bytes=1000)
    worked_on, bystander = Client(all_of_them), Client(all_of_them)
    await bystander.sends(100)
    await worked_on.sends(900, more_body=False)
    comes = Client(all_of_them)
    await comes.sends(150)
    with pytest.raises(Overloaded, match="other requests are being worked on"):
        await comes.reading
    all_of_them.ends(worked_on.body)
    await bystander.sends(300, more_body=False)
    assert await bystander.reading == 400


@in_a_loop
async def test_who_has_more_than_half_makes_room_for_others_with_what_arrives_and_then_what_came_last():
    all_of_them = transit(most_bytes=1000)
    first, second = (Client(all_of_them, "many", works=True) for _ in range(2))
    arriving, few = Client(all_of_them, "many"), Client(all_of_them, "few")
    for one in (first, second):
        await one.sends(400, more_body=False)
    await arriving.sends(150)
    await few.sends(150)
    with pytest.raises(Overloaded, match="has held most for longest"):
        await arriving.reading
    assert not second.reading.done()
    await few.sends(150)
    with pytest.raises(Overloaded, match="you have more of it than the others"):
        await second.reading
    await few.sends(0, more_body=False)
    assert await few.reading == 300
    assert not first.reading.done()
    first.reading.cancel()


@in_a_loop
async def test_what_must_not_be_left_half_done_is_worked_on_whoever_needs_room():
    all_of_them = transit(most_bytes=1000)
    loads, asks = Client(all_of_them, "many", works=True, asks=False), Client(all_of_them, "few")
    await loads.sends(900, more_body=False)
    await asks.sends(300)
    with pytest.raises(Overloaded, match="being worked on"):
        await asks.reading
    assert not loads.reading.done()
    loads.reading.cancel()


@in_a_loop
async def test_who_has_more_than_half_gets_no_room_that_others_have():
    all_of_them = transit(most_bytes=1000)
    slow, worked_on = Client(all_of_them, "slow"), Client(all_of_them, "many", works=True)
    await slow.sends(300)
    await worked_on.sends(600, more_body=False)
    await asyncio.sleep(0.05)  # from now on, the slow one has held most for longest
    more = Client(all_of_them, "many")
    await more.sends(200)
    with pytest.raises(Overloaded):
        await more.reading
    await slow.sends(0, more_body=False)
    assert await slow.reading == 300
    assert not worked_on.reading.done()
    worked_on.reading.cancel()


@in_a_loop
async def test_many_callers_who_are_slow_make_room_for_one_who_has_more_than_each():
    all_of_them = transit(most_bytes=1000)
    slow = [Client(all_of_them, f"slow {i}") for i in range(10)]
    for one in slow:
        await one.sends(100)
    await asyncio.sleep(0.05)
    quick = Client(all_of_them, "quick")
    await quick.sends(400, more_body=False)
    assert await quick.reading == 400
    assert sum(one.reading.done() for one in slow) == 4
    for one in slow:
        one.reading.cancel()
    await asyncio.gather(*(one.reading for one in slow), return_exceptions=True)


@pytest.mark.parametrize("patience_s", [0.05, 60.0])
@in_a_loop
async def test_an_answer_that_is_read_too_slowly_makes_room_for_whoever_asks(patience_s):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.api.http.transit.READ_WITHIN_S", patience_s)
        all_of_them = transit(most_bytes=1000)
        slow, comes = Client(all_of_them, works=True), Client(all_of_them)
        await slow.sends(900, more_body=False)
        slow.body.is_answered()
        await asyncio.sleep(0.1)
        await comes.sends(300, more_body=False)
    if patience_s < 1:
        assert await comes.reading == 300
        with pytest.raises(Overloaded, match="read too slowly"):
            await slow.reading
    else:
        with pytest.raises(Overloaded, match="being worked on"):
            await comes.reading
        assert not slow.reading.done()
        slow.reading.cancel()


@in_a_loop
async def test_a_small_body_is_taken_whatever_room_the_others_leave():
    all_of_them = transit(most_bytes=8192, limit=8192)
    worked_on, small, comes = Client(all_of_them), Client(all_of_them), Client(all_of_them)
    await worked_on.sends(8192, more_body=False)
    await small.sends(2, more_body=False)
    assert await small.reading == 2
    await comes.sends(3)
    with pytest.raises(Overloaded, match="other requests are being worked on"):
        await comes.reading


@in_a_loop
async def test_what_was_answered_or_refused_is_held_no_longer():
    all_of_them = transit(most_bytes=1000)
    for _ in range(10):
        client = Client(all_of_them)
        await client.sends(900, more_body=False)
        assert await client.reading == 900
        all_of_them.ends(client.body)
        refused = Client(all_of_them)
        await refused.sends(1001)
        await refused.sends(0, more_body=False)
        with pytest.raises(PayloadTooLarge):
            await refused.reading
        all_of_them.ends(refused.body)


@in_a_loop
async def test_what_counts_is_what_it_is_when_it_is_inflated():
    all_of_them = transit(most_bytes=50_000, limit=60_000)
    client = Client(all_of_them, content_encoding="gzip")
    await client.sends(gzip.compress(bytes(55_000)), more_body=False)
    with pytest.raises(Overloaded):
        await client.reading


@pytest.mark.parametrize(("given", "is_late"), [("20", True), ("100000", False), ("soon", False)])
@in_a_loop
async def test_a_body_has_the_time_that_its_request_has(given, is_late):
    client = Client(transit(timeout_s=10), x_request_timeout_ms=given)
    await client.sends(1)
    await asyncio.sleep(0.1)
    assert client.reading.done() is is_late
    if is_late:
        with pytest.raises(DeadlineExceeded, match="before the whole body had arrived"):
            await client.reading
    client.reading.cancel()


@in_a_loop
async def test_while_the_service_stops_nobody_is_waited_for_and_what_is_there_is_read():
    all_of_them = transit()
    before = Client(all_of_them)
    await before.sends(1)
    all_of_them.stop()
    with pytest.raises(ModelNotReady, match="stopping"):
        await before.reading
    later = Client(all_of_them)
    await later.sends(1)
    with pytest.raises(ModelNotReady, match="stopping"):
        await later.reading
