"""Answers that are sent while they are made, as server-sent events (WHATWG HTML, section 9.2)."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Generic, Protocol, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.errors import named
from app.api.http.disconnect import ClientGone, while_connected
from app.errors import InferenceFailed, ServiceError

log = logging.getLogger(__name__)

PING_S = 15.0  # without an event: proxies close connections on which nothing is sent for some half a minute
PING = b": ping\n\n"
# What stands between must pass events on as they come, and nobody may keep them.
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}

Piece = TypeVar("Piece")
PieceIn = TypeVar("PieceIn", contravariant=True)


class Written(Protocol[PieceIn]):
    """Pieces as the events of one dialect."""

    def piece(self, piece: PieceIn) -> bytes:
        """Return the events of a piece; empty if it has none."""
        ...

    def failed(self, error: ServiceError) -> bytes:
        """Return the events that end an answer which failed after its start."""
        ...

    def end(self) -> bytes:
        """Return the events that end an answer which is whole."""
        ...


class Ahead(Generic[Piece]):
    """A stream of which the next piece can be waited for in vain, and is not lost."""

    def __init__(self, stream: AsyncGenerator[Piece, None]) -> None:
        self._stream = stream
        self._next: asyncio.Task[Piece | None] | None = None

    async def has_come(self, timeout_s: float) -> bool:
        """Wait for a piece, the end or an error, and return whether one has come."""
        if self._next is None:
            self._next = asyncio.create_task(self._advance())
        done, _ = await asyncio.wait({self._next}, timeout=timeout_s)
        return bool(done)

    def look(self) -> Piece | None:
        """The piece that has come, and None at the end. Raises the error that has."""
        assert self._next is not None
        return self._next.result()

    def take(self) -> Piece | None:
        """As `look`; then the next one can be waited for."""
        assert self._next is not None
        taken, self._next = self._next, None
        return taken.result()

    async def close(self) -> None:
        """End the stream: whoever makes it learns that nobody waits for it."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait({self._next})
            self._next = None
        await self._stream.aclose()

    async def _advance(self) -> Piece | None:
        return await anext(self._stream, None)


def event(data: bytes, name: bytes = b"") -> bytes:
    """Return one event; `data` has no line break."""
    return b"event: %b\ndata: %b\n\n" % (name, data) if name else b"data: %b\n\n" % data


DONE = event(b"[DONE]")  # after the last event: clients of OpenAI's form wait for it


class EventStream(Response, Generic[Piece]):
    """A body of events that are sent as they are made, for as long as its client reads."""

    media_type = "text/event-stream"

    def __init__(self, pieces: Ahead[Piece], written: Written[Piece], headers: Mapping[str, str]) -> None:
        super().__init__(None, headers={**HEADERS, **headers})
        del self.headers["Content-Length"]
        self._pieces, self._written = pieces, written

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with while_connected(Request(scope, receive)):
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                await self._send_all(scope, send)
        except (ClientGone, ClientDisconnect):
            pass
        finally:
            await self._pieces.close()

    async def _send_all(self, scope: Scope, send: Send) -> None:
        async def send_some(some: bytes, *, more: bool = True) -> None:
            if some or not more:
                await send({"type": "http.response.body", "body": some, "more_body": more})

        while True:
            if not await self._pieces.has_come(PING_S):
                await send_some(PING)
                continue
            try:
                piece = self._pieces.take()
            except ServiceError as error:
                log.warning("request %s failed in its stream: %s", named(scope["state"]), error)
                await send_some(self._written.failed(error), more=False)
                return
            except Exception:
                log.exception("request %s failed in its stream", named(scope["state"]))
                await send_some(self._written.failed(InferenceFailed("internal error")), more=False)
                return
            if piece is None:
                await send_some(self._written.end(), more=False)
                return
            await send_some(self._written.piece(piece))
