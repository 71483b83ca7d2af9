"""The HTTP application, asked from inside the process: a call passes the keys, limits and logs of its route.

ASGI (https://asgi.readthedocs.io, HTTP connection scope) without a connection below it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Scope

from app.errors import InvalidInput, ServiceError

ENCODED = "%2F"  # a slash that ends no part of a path

# Of the metadata of a call. Others could say what is not true here: how a body is encoded, or from where it came.
PASSED_ON = frozenset(
    (
        "authorization",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-api-key",
        "x-request-id",
        "x-request-timeout-ms",
        "x-tessera-subject",
    )
)


@dataclass(frozen=True, slots=True)
class Sender:
    """Whoever calls a method: by an address, with metadata."""

    method: str
    """Its full name, `/package.Service/Method`."""
    headers: Sequence[tuple[bytes, bytes]]
    address: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class HttpQuestion:
    """A request of HTTP. `body` has its pieces, or the fault for which it cannot be read."""

    verb: str
    path: str
    body: Sequence[bytes | memoryview] | ServiceError = ()
    headers: Sequence[tuple[bytes, bytes]] = ()


@dataclass(frozen=True, slots=True)
class AnswerPiece:
    """Some of an answer. Without `has_more` it is the last."""

    status: int
    headers: Headers
    body: bytes | memoryview
    has_more: bool


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Headers
    body: list[bytes | memoryview] = field(default_factory=list)


def sender_of(method: str, metadata: Sequence[tuple[str, str | bytes]], peer: str) -> Sender:
    """Return who calls; `peer` is as gRPC writes it, such as `ipv4:10.0.0.1:5000` or `ipv6:%5B::1%5D:5000`."""
    headers = [(key.encode(), text.encode()) for key, text in metadata if key in PASSED_ON and isinstance(text, str)]
    kind, _, place = unquote(peer).partition(":")
    host, _, port = place.rpartition(":")
    is_address = kind in ("ipv4", "ipv6") and port.isdecimal()
    return Sender(method, headers, (host.strip("[]"), int(port)) if is_address else None)


def of_model(path: str, model: str, version: str = "") -> str:
    """Return a path with its names filled in, each of which is one part of it. Raises InvalidInput without a model."""
    if not model:
        raise InvalidInput("names no model").under("model_name")
    return path.format(model=model.replace("/", ENCODED), version=version.replace("/", ENCODED))


async def ask(
    app: ASGIApp, sender: Sender, question: HttpQuestion, on_piece: Callable[[AnswerPiece], Awaitable[None]]
) -> None:
    """Ask, and hand the answer over as it comes. Where whoever awaits this is cancelled, the client has hung up.

    To the application he has, too, if `on_piece` raises; that is then raised here.
    """
    is_gone = asyncio.Event()
    # In a task of its own, which ends itself as if a connection was closed: it may have to clean up.
    asked = asyncio.create_task(_run(app, sender, question, on_piece, is_gone))
    try:
        await asyncio.wait({asked})
    except asyncio.CancelledError:
        is_gone.set()
        await asyncio.wait({asked})
        if not asked.cancelled():
            asked.exception()  # of no use to whoever has gone; the log has what is our fault
        raise
    asked.result()


async def whole(app: ASGIApp, sender: Sender, question: HttpQuestion) -> Answer:
    """Ask, and return the answer when it is complete."""
    pieces: list[AnswerPiece] = []

    async def keep(piece: AnswerPiece) -> None:
        pieces.append(piece)

    await ask(app, sender, question, keep)
    return Answer(pieces[-1].status, pieces[-1].headers, [piece.body for piece in pieces])


async def _run(
    app: ASGIApp,
    sender: Sender,
    question: HttpQuestion,
    on_piece: Callable[[AnswerPiece], Awaitable[None]],
    is_gone: asyncio.Event,
) -> None:
    sent = [] if isinstance(question.body, ServiceError) else list(question.body)
    has_sent, status, headers = False, 0, Headers()
    failure: Exception | None = None

    async def receive() -> Message:
        nonlocal has_sent
        if has_sent:
            await is_gone.wait()
            return {"type": "http.disconnect"}
        if isinstance(question.body, ServiceError):
            raise question.body
        body = sent.pop(0) if sent else b""
        has_sent = not sent
        return {"type": "http.request", "body": body, "more_body": not has_sent}

    async def send(message: Message) -> None:
        nonlocal status, headers, failure
        if message["type"] == "http.response.start":
            status, headers = message["status"], Headers(raw=list(message["headers"]))
        elif not is_gone.is_set():
            try:
                await on_piece(AnswerPiece(status, headers, message.get("body", b""), message.get("more_body", False)))
            except Exception as error:
                failure = error
                is_gone.set()

    await app(_scope(sender, question), receive, send)
    if failure is not None:
        raise failure


def _scope(sender: Sender, question: HttpQuestion) -> Scope:
    length = 0 if isinstance(question.body, ServiceError) else sum(map(len, question.body))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "2",
        "method": question.verb,
        "scheme": "http",
        "path": question.path,
        "raw_path": quote(question.path).encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [*question.headers, *sender.headers, (b"content-length", b"%d" % length)],
        "client": sender.address,
        "server": None,
        "state": {"called": sender.method},
    }
