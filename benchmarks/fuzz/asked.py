"""One request and its answer over a keep-alive connection, byte for byte as we want them."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import cast

import httptools


@dataclass(frozen=True, slots=True)
class Asked:
    """`route` names where it came from, for the table; the rest is what is sent."""

    route: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def with_header(self, name: str, value: str) -> "Asked":
        others = tuple(one for one in self.headers if one[0].lower() != name.lower())
        return replace(self, headers=(*others, (name, value)))

    def message(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in self._all())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + self.body

    def _all(self) -> Iterable[tuple[str, str]]:
        given = {name.lower() for name, _ in self.headers}
        if "host" not in given:
            yield "Host", "127.0.0.1"
        yield from self.headers
        if "content-length" not in given and "transfer-encoding" not in given and (self.body or self.method == "POST"):
            yield "Content-Length", str(len(self.body))


@dataclass(slots=True)
class Answer:
    """`status` is 0 if the connection was closed without one."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self.is_open = True
        self._answered: asyncio.Future[Answer] | None = None

    async def ask(self, asked: Asked) -> Answer:
        self._answered = asyncio.get_running_loop().create_future()
        self._answer, self._parser = Answer(), httptools.HttpResponseParser(self)
        self._is_answered = False
        self._is_head = asked.method == "HEAD"
        self._transport.write(asked.message())
        return await self._answered

    def close(self) -> None:
        self.is_open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_message_begin(self) -> None:
        if self._is_answered:  # what followed the request was answered by itself
            self.is_open, self._answer = False, Answer()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()
        if self._is_head:  # the parser would wait for a body
            self.is_open = False
            self._finish()

    def on_body(self, body: bytes) -> None:
        self._answer.body += body

    def on_message_complete(self) -> None:
        if self._answer.status == 100:  # go on: the answer comes next
            self._answer = Answer()
            return
        self.is_open = self.is_open and self._parser.should_keep_alive()
        self._is_answered = True
        self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self._finish()

    def _finish(self) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(self._answer)


async def connected(port: int) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def renewed(port: int, connection: Connection | None) -> Connection:
    """Another connection instead of one that is used up."""
    if connection is not None:
        connection.close()
    return await connected(port)
