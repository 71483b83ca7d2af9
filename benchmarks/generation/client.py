"""A client of `POST /v1/completions` that streams, and notes when each piece came. Knows nothing of servers or loads.

It shares the cores with the server, so it does little while it listens: what came is read when all is over.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, cast

import httptools

from benchmarks.generation.asks import Ask

NO_ANSWER = 0
EVENT = b"data: "
DONE = b"[DONE]"


@dataclass(slots=True)
class Told:
    """The answer to one ask, with the seconds of each event since it was sent.

    `status` is NO_ANSWER if the connection was cut or refused. `left`: the client hung up. `late_s`: it was sent so
    long after it was due.
    """

    ask: Ask
    sent: float
    status: int = NO_ANSWER
    ended_s: float = 0.0
    left: bool = False
    late_s: float = 0.0
    received: list[tuple[float, bytes]] = field(default_factory=list)

    @property
    def events(self) -> list[tuple[float, dict[str, Any]]]:
        """Seconds since the ask was sent, and each event."""
        found, rest = [], b""
        for at, some in self.received:
            *lines, rest = (rest + some).split(b"\n")
            for line in lines:
                content = line.removeprefix(EVENT).strip() if line.startswith(EVENT) else b""
                if content and content != DONE:
                    found.append((at, json.loads(content)))
        return found


class _Connection(asyncio.Protocol):
    """One ask over one connection of its own."""

    def __init__(self, told: Told, leaves_after: int | None, heard: Callable[[], None]) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._told, self._leaves_after, self._heard = told, leaves_after, heard
        self._parser = httptools.HttpResponseParser(self)
        self._num_events = 0
        self._now = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def send(self, message: bytes) -> None:
        self._transport.write(message)

    def close(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._now = perf_counter() - self._told.sent
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_body(self, some: bytes) -> None:
        self._told.received.append((self._now, some))
        if not self._num_events:
            self._heard()
        self._num_events += some.count(EVENT)
        if self._leaves_after is not None and self._num_events >= self._leaves_after:
            self._told.left = True
            self._finish()
            self.close()

    def on_message_complete(self) -> None:
        self._told.status = self._parser.get_status_code()
        self._finish()
        self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._finish()

    def _finish(self) -> None:
        if not self.over.done():
            self._told.ended_s = perf_counter() - self._told.sent
            self.over.set_result(None)


@dataclass(frozen=True, slots=True)
class Client:
    """Asks one server on this machine, whose model has this name."""

    port: int
    model: str

    async def ask(
        self,
        ask: Ask,
        *,
        leaves_after: int | None = None,
        deadline_s: float | None = None,
        due: float | None = None,
        heard: Callable[[], None] = lambda: None,
    ) -> Told:
        """Wait until the answer is whole, or `leaves_after` events have come, or `deadline_s` after it was `due`.

        Whoever knows our header of deadlines is told how much is left. `heard` is called when the first piece is here.
        """
        body = ask.body(self.model)
        now = perf_counter()
        told = Told(ask, now, late_s=now - due if due is not None else 0.0)
        left_s = None if deadline_s is None else deadline_s - told.late_s
        header = "" if left_s is None else f"X-Request-Timeout-Ms: {max(1, round(1000 * left_s))}\r\n"
        head = (
            f"POST /v1/completions HTTP/1.1\r\nHost: benchmark\r\nAuthorization: Bearer benchmark\r\n"
            f"Content-Type: application/json\r\n{header}Content-Length: {len(body)}\r\n\r\n"
        )
        connection = _Connection(told, leaves_after, heard)
        try:
            await asyncio.get_running_loop().create_connection(lambda: connection, "127.0.0.1", self.port)
        except OSError:
            return told
        try:
            connection.send(head.encode() + body)
            async with asyncio.timeout(left_s):
                await connection.over
        except TimeoutError:
            told.left, told.ended_s = True, perf_counter() - told.sent
        finally:
            connection.close()
        return told
