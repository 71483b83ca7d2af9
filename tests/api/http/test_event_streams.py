"""Events as they are sent: when the status is, what follows an error, and who hangs up or does not read."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
from engines import far_engine
from sockets import connected, listening, rest_of
from starlette.responses import Response
from starlette.types import Scope
from tiny_writer import WRITER, publish_writer
from waiting import eventually

from app.api.app import create_app
from app.api.ask import _stream
from app.api.http import events
from app.api.http.events import PING, Ahead, EventStream, event
from app.api.http.limits import Limits
from app.errors import InferenceFailed, InvalidInput, Overloaded, ServiceError
from app.serving.engine import Prediction, Timing
from app.telemetry import Telemetry

CHAT = "/v1/chat/completions"
LONG = {"model": WRITER, "messages": [{"role": "user", "content": "a"}], "max_tokens": 200, "ignore_eos": True}


class Plain:
    """Pieces as events of one word."""

    def piece(self, piece: Prediction) -> bytes:
        return event(str(piece.outputs[0]).encode())

    def failed(self, error: ServiceError) -> bytes:
        return event(f"{type(error).__name__}: {error}".encode())

    def end(self) -> bytes:
        return event(b"end")


def prediction(word: str) -> Prediction:
    return Prediction("m", 1, [word], Timing(0, 0, 0, 0, 0, 0))


class Source:
    """A stream that does what it is told, and knows whether it was closed."""

    def __init__(self, *steps: str | Exception | asyncio.Event) -> None:
        self._steps = steps
        self.is_closed = False

    async def stream(self) -> AsyncGenerator[Prediction, None]:
        try:
            for step in self._steps:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield prediction(step)
        finally:
            self.is_closed = True


class Client:
    """Receives what is sent to it, until it hangs up."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.gone, self.has_more = asyncio.Event(), asyncio.Event()
        self.scope: Scope = {"type": "http", "method": "POST", "path": "/", "state": {"request_id": "r"}}

    async def receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        self.has_more.set()

    async def run(self, response: Response) -> None:
        await response(self.scope, self.receive, self.send)

    async def until(self, number: int) -> None:
        async with asyncio.timeout(20):
            while len(self.sent) < number:
                self.has_more.clear()
                await self.has_more.wait()

    @property
    def body(self) -> bytes:
        return b"".join(one.get("body", b"") for one in self.sent)


pytestmark = pytest.mark.anyio


async def test_a_stream_is_sent_piece_by_piece_and_ends_with_its_end():
    source, client = Source("a", "b"), Client()
    await client.run(await _stream(source.stream(), Plain(), False))
    assert client.sent[0]["status"] == 200
    assert client.body == b"data: a\n\ndata: b\n\ndata: end\n\n"
    assert [one["more_body"] for one in client.sent[1:]] == [True, True, False]
    assert source.is_closed


@pytest.mark.parametrize("error", [Overloaded("full", 1.0), InvalidInput("no")])
async def test_an_error_before_the_first_piece_is_raised_and_has_its_own_status(error):
    source = Source(error)
    with pytest.raises(type(error)):
        await _stream(source.stream(), Plain(), False)
    assert source.is_closed


async def test_the_status_is_held_back_until_the_first_piece():
    first = asyncio.Event()
    source = Source(first, "a")
    answer = asyncio.create_task(_stream(source.stream(), Plain(), False))
    done, _ = await asyncio.wait({answer}, timeout=0.05)
    assert not done
    first.set()
    assert isinstance(await answer, EventStream)
    client = Client()
    await client.run(await answer)
    assert client.body.startswith(b"data: a")


async def test_an_error_after_the_first_piece_ends_the_stream_as_its_dialect_says():
    source, client = Source("a", InferenceFailed("broken")), Client()
    await client.run(await _stream(source.stream(), Plain(), False))
    assert client.body == b"data: a\n\ndata: InferenceFailed: broken\n\n"
    assert client.sent[-1]["more_body"] is False


async def test_a_bug_after_the_first_piece_tells_nothing_of_itself():
    source, client = Source("a", ValueError("secret")), Client()
    await client.run(await _stream(source.stream(), Plain(), False))
    assert client.body == b"data: a\n\ndata: InferenceFailed: internal error\n\n"


async def test_while_nothing_comes_the_connection_is_kept_alive(monkeypatch):
    monkeypatch.setattr(events, "PING_S", 0.01)
    second = asyncio.Event()
    source, client = Source("a", second, "b"), Client()
    sending = asyncio.create_task(client.run(EventStream(Ahead(source.stream()), Plain(), {})))
    await client.until(5)  # the start, a piece, and three of them
    second.set()
    await sending
    assert client.body.startswith(b"data: a\n\n" + 3 * PING)
    assert client.body.endswith(b"data: b\n\ndata: end\n\n")
    assert client.body.count(b"data: b") == 1  # what was waited for in vain is not lost


async def test_who_hangs_up_closes_the_stream():
    source, client = Source("a", asyncio.Event()), Client()
    sending = asyncio.create_task(client.run(await _stream(source.stream(), Plain(), False)))
    await client.until(2)
    client.gone.set()
    await asyncio.wait_for(sending, 20)
    assert source.is_closed


async def test_who_hangs_up_before_the_first_piece_closes_the_stream():
    source = Source(asyncio.Event())
    answer = asyncio.create_task(_stream(source.stream(), Plain(), False))
    await asyncio.sleep(0.01)
    answer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answer
    assert source.is_closed


async def test_a_stream_that_is_taken_is_not_taken_twice():
    ahead = Ahead(Source("a", "b").stream())
    assert await ahead.has_come(1)
    assert ahead.look() == ahead.take() == prediction("a")
    assert await ahead.has_come(1)
    assert ahead.take() == prediction("b")
    assert await ahead.has_come(1)
    assert ahead.take() is None
    await ahead.close()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("models")
    publish_writer(folder, tmp_path_factory.mktemp("scratch"))
    return folder


@pytest.fixture(scope="module")
def port(models: Any) -> Iterator[int]:
    telemetry = Telemetry()
    engine = far_engine(models, telemetry)
    limits = Limits(max_body_bytes=100_000, max_items=8, request_timeout_s=60)
    with listening(create_app(engine, telemetry, limits)) as port:
        eventually(lambda: b" 200 " in asked(port, "GET", "/health/ready").split(b"\r\n", 1)[0])
        yield port


def request(method: str, path: str, body: Any = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    return head.encode() + content


def asked(port: int, method: str, path: str, body: Any = None) -> bytes:
    with connected(port) as connection:
        connection.sendall(request(method, path, body))
        return rest_of(connection)


def metric(port: int, name: str, label: str = "") -> float:
    lines = asked(port, "GET", "/metrics").decode().splitlines()
    return sum(
        float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"tessera_{name}{{") and label in line
    )


def in_flight(port: int) -> float:
    return metric(port, "generations_in_flight")


def abandoned(port: int) -> float:
    return metric(port, "generations_ended_total", 'reason="abandoned"')


@pytest.mark.parametrize("stream", [True, False])
def test_over_a_socket_who_hangs_up_frees_the_place_of_his_answer(port, stream):
    before = abandoned(port)
    with connected(port) as connection:
        connection.sendall(request("POST", CHAT, {**LONG, "stream": stream, "n": 4}))
        if stream:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        else:
            eventually(lambda: in_flight(port) > 0)
    eventually(lambda: abandoned(port) == before + 4)
    eventually(lambda: in_flight(port) == 0)


def test_over_a_socket_who_does_not_read_keeps_nobody_elses_answer_waiting(port):
    with connected(port) as slow:
        slow.sendall(request("POST", CHAT, {**LONG, "stream": True, "logprobs": True, "top_logprobs": 20, "n": 4}))
        body = asked(port, "POST", CHAT, {**LONG, "max_tokens": 20})
        assert body.startswith(b"HTTP/1.1 200")
        assert rest_of(slow).rstrip(b"0\r\n").endswith(b"data: [DONE]")  # and nothing of it is lost
