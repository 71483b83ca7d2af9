"""Bodies on their way, as a route reads them: limits of each and of all, and clients that are slow."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from functools import wraps
from pathlib import Path
from socket import socket
from time import monotonic
from typing import Any

import pytest
from engines import FarEngine
from graphs import cumulated, publish_counting
from sockets import Answer, answers, connected, listening, received, rest_of
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient
from waiting import eventually

from app.api.app import create_app
from app.api.http.aside import Aside
from app.api.http.limits import Limits
from app.api.http.middleware import RequestContext
from app.api.http.routes import DirectRoute
from app.api.http.transit import Body, Transit
from app.errors import DeadlineExceeded, ModelNotReady, Overloaded, PayloadTooLarge
from app.repository.publish import publish
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.local import LocalEngine
from app.telemetry import Telemetry
from app.tensors import TensorSpec

PREDICT = "/v1/models/tiny-sentiment/predict"
BODY = b'{"inputs": ["a good film"]}'
HEAD = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\n".encode()
WHOLE = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
ASIDE = Aside()
READY = b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


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


@pytest.fixture
def client(engine) -> Iterator[TestClient]:
    with TestClient(create_app(engine, Telemetry(), Limits())) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        yield client


TEXT = json.dumps({"inputs": ["a good film"]}).encode()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("path", [PREDICT, "/v1/models/tiny-sentiment/explain", "/hf/models/tiny-sentiment"])
def test_every_dialect_reads_what_is_compressed(client, path, encoding):
    body = {"inputs": "a good film"} if path.startswith("/hf") else {"inputs": ["a good film"]}
    content = json.dumps(body).encode()
    compressed = gzip.compress(content) if encoding == "gzip" else zlib.compress(content)
    reply = client.post(path, content=compressed, headers={"Content-Encoding": encoding})
    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("path", ["/v2/repository/index", "/v2/repository/models/tiny-sentiment/load"])
def test_other_routes_read_it_too(client, path):
    reply = client.post(path, content=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})
    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("path", [PREDICT, "/hf/models/tiny-sentiment", "/v2/models/tiny-sentiment/infer"])
def test_other_encodings_are_refused_with_those_that_are_not(client, path):
    reply = client.post(path, content=TEXT, headers={"Content-Encoding": "br"})
    assert reply.status_code == 415
    assert reply.headers["accept-encoding"] == "gzip, deflate"
    assert reply.json()["error_type"] == "UnsupportedEncoding"
    assert client.post(path, content=TEXT, headers={"Content-Encoding": "identity"}).status_code != 415


def test_a_bomb_is_refused_in_every_dialect(client):
    bomb = gzip.compress(bytes(100_000_000))
    for path in (PREDICT, "/hf/models/tiny-sentiment", "/v2/models/tiny-sentiment/infer", "/v2/repository/index"):
        reply = client.post(path, content=bomb, headers={"Content-Encoding": "gzip"})
        assert reply.status_code == 413, path
        assert "when it is inflated" in reply.json()["error"] or "may have here" in reply.json()["error"]


@pytest.fixture
def port(engine) -> Iterator[int]:
    limits = Limits(request_timeout_s=30, max_body_bytes=1_000_000, bodies_bytes=3_000_000)
    with listening(create_app(engine, Telemetry(), limits)) as port:
        eventually(lambda: answers(received(port, READY))[0].status == 200)
        yield port


def test_who_asks_before_it_sends_too_much_is_told_so_without_being_asked_for_it(port):
    expects = b"Expect: 100-continue\r\n"
    too_much = HEAD + expects + b"Content-Length: 2000000\r\n\r\n"
    (refused,) = answers(received(port, too_much))
    assert refused.status == 413
    assert refused.headers["connection"] == "close"
    nobody = HEAD.replace(b"tiny-sentiment", b"nobody") + expects + b"Content-Length: 10\r\n\r\n"
    (unknown,) = answers(received(port, nobody))
    assert (unknown.status, unknown.headers["connection"]) == (404, "close")
    with connected(port) as connection:
        connection.sendall(HEAD + expects + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        (answer,) = answers(rest_of(connection))
        assert answer.status == 200


def test_slow_and_large_bodies_leave_room_for_everybody_else(port):
    """Each lacks its last byte; together they would be ten times what all may have."""
    head = b"POST /v2/models/tiny-sentiment/infer HTTP/1.1\r\nHost: localhost\r\nX-Request-Timeout-Ms: 600000\r\n"
    size = 1_000_000
    with ExitStack() as opened:
        slow = [opened.enter_context(connected(port)) for _ in range(30)]
        for connection in slow:
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % size + b" " * (size - 1))
            (answer,) = answers(received(port, WHOLE))
            assert answer.status == 200
        told = [answers(first_of(connection))[0] for connection in slow[:20]]
        assert {answer.status for answer in told} == {429}
        assert {answer.headers["retry-after"] for answer in told} == {"1"}


def first_of(connection) -> bytes:
    content = connection.recv(65536)
    head, _, body = content.partition(b"\r\n\r\n")
    length = int(dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])[b"content-length"])
    while len(body) < length:
        content += (part := connection.recv(65536))
        body += part
    return content


def test_every_route_waits_for_a_body_as_long_as_its_request_says_and_no_longer(port):
    for path in ("/v2/repository/index", "/v2/repository/models/tiny-sentiment/load", PREDICT):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Request-Timeout-Ms: 100\r\nConnection: close\r\n"
        started = monotonic()
        (answer,) = answers(received(port, head.encode() + b"Content-Length: 10\r\n\r\n{"))
        assert answer.status == 504, path
        assert monotonic() - started < 5


def serving(models_dir: Path, **limits: int) -> RequestContext:
    engine = FarEngine(
        LocalEngine(ModelRepository(models_dir), Telemetry(), options=RuntimeOptions(device="cpu", threads=2))
    )
    return create_app(engine, Telemetry(), Limits(request_timeout_s=30, **limits))


def asking(model: str, content: bytes, *headers: str) -> bytes:
    lines = [f"POST /v2/models/{model}/infer HTTP/1.1", "Host: localhost", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + content


def test_work_of_who_has_more_than_half_of_the_room_makes_room_for_others(tmp_path):
    """Its requests never end, and so would keep everybody else out for as long as they may take."""
    publish_counting(tmp_path / "models", tmp_path)
    app = serving(tmp_path / "models", max_body_bytes=1_000_000, bodies_bytes=2_000_000)

    def counts_to(steps: float) -> bytes:
        numbers = {"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [steps]}
        return asking("counting", json.dumps({"inputs": [numbers]}).ljust(900_000).encode())

    with listening(app) as port, connected(port, "127.0.0.2") as first, connected(port, "127.0.0.2") as second:
        eventually(lambda: answers(received(port, READY))[0].status == 200)
        for connection in (first, second):
            connection.sendall(counts_to(1e12))
            assert answers(received(port, READY))[0].status == 200  # so it has been read, at least in part
        with connected(port) as few:
            eventually(lambda: answered(few, counts_to(1)).status == 200)
        (refused,) = answers(first_of(second))
        assert refused.status == 429
        assert refused.headers["retry-after"] == "1"
        assert b"you have more of it" in refused.body
        first.settimeout(0.1)
        with pytest.raises(TimeoutError):
            first.recv(1)


def answered(connection: socket, request: bytes) -> Answer:
    connection.sendall(request)
    (answer,) = answers(first_of(connection))
    return answer


def test_a_large_answer_that_nobody_reads_does_not_keep_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr("app.api.http.transit.READ_WITHIN_S", 0.5)
    tensor = {"datatype": "FP32", "shape": (-1,)}
    publish(
        tmp_path / "models", "sums", {"model.onnx": cumulated(tmp_path / "sums.onnx")},
        task="tensors", runtime="onnx", graphs={"model": "model.onnx"},
        inputs=(TensorSpec(name="x", **tensor),), outputs=(TensorSpec(name="y", **tensor),),
        config={"inputs": [{"name": "x", **tensor}], "outputs": [{"name": "y", **tensor}], "batched": False},
    )  # fmt: skip
    app = serving(tmp_path / "models", max_body_bytes=16_000_000, bodies_bytes=20_000_000)
    numbers = bytes(12_000_000)  # more than sockets hold
    with listening(app) as port, connected(port) as slow, connected(port) as other:
        eventually(lambda: answers(received(port, READY))[0].status == 200)
        slow.sendall(asking("sums", numbers, "Inference-Header-Content-Length: 0"))
        slow.recv(1)  # its answer has begun

        def is_answered() -> bool:
            other.sendall(asking("sums", numbers, "Inference-Header-Content-Length: 0"))
            return first_of(other).startswith(b"HTTP/1.1 200")

        eventually(is_answered)
        assert len(rest_of(slow)) < len(numbers), "it was broken off"
