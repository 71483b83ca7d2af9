"""One call from its first byte to its last: read it, ask the route of HTTP, write the answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil
from typing import Any

import grpc
import grpc.aio
from starlette.types import ASGIApp

from app.api.grpc import methods, responses
from app.api.grpc.arriving import Arriving
from app.api.grpc.inside import Answer, AnswerPiece, HttpQuestion, Sender, ask, sender_of, whole
from app.api.grpc.methods import METHODS
from app.api.grpc.requests import QUICK_MESSAGE_BYTES, RAW, InferRequest
from app.api.grpc.status import Failed, trailers_of
from app.api.grpc.wire import taken_apart
from app.api.http.access import key_of
from app.api.http.aside import Aside
from app.api.http.callers import subscriber
from app.api.http.deadline import HEADER as DEADLINE
from app.api.http.deadline import LONGEST_MS
from app.api.http.limits import Limits
from app.api.http.slow_reader import LEAST_READ_BYTES
from app.api.v2 import paths
from app.api.v2.ends import writes_text
from app.api.v2.reading import HEADER_LENGTH
from app.errors import InvalidInput, ServiceError
from app.keys import KeyRing
from app.serving.engine import Engine

QUICK_COPY_BYTES = 1_000_000  # are copied in a tenth of a millisecond
OPEN = {f"/{methods.SERVICE}/ServerLive", f"/{methods.SERVICE}/ServerReady", f"/{methods.HEALTH}/Check"}

Context = Any  # grpc.aio.ServicerContext; the package has no types
Write = Callable[[bytes], Awaitable[None]]


class NotRead(Failed):
    """Nothing more can be told to whoever reads so slowly, but the end."""

    def __init__(self) -> None:
        super().__init__(grpc.StatusCode.DEADLINE_EXCEEDED, "the answer is read too slowly")


@dataclass(frozen=True, slots=True)
class Behind:
    """Everything that calls are answered with: the application of HTTP, and what bounds it."""

    app: ASGIApp
    engine: Engine
    limits: Limits
    keys: KeyRing | None
    arriving: Arriving
    reading_s: float
    aside: Aside = field(default_factory=Aside)


class Call:
    """A call of the method `name`. What it raises is a Failed or a ServiceError."""

    def __init__(self, behind: Behind, name: str, context: Context) -> None:
        self._behind = behind
        self._name = name
        self._context = context
        self._has_begun = self._is_left = False
        sender = self._sender()
        self._whose = subscriber(sender.address[0]) if sender.address else ""
        self._aside = behind.aside.of(self._whose)

    async def tell(self) -> None:
        """Answer a method that tells of the server or of models."""
        method, behind = METHODS[self._name], self._behind
        message = await self.message()
        asked = partial(methods.read, method, message, behind.limits.other_body_bytes)
        question = await self._aside.read(asked, is_quick=len(message) <= QUICK_MESSAGE_BYTES)
        answer = await whole(behind.app, self._sender(), question)
        self._context.set_trailing_metadata(trailers_of(answer.headers))
        if answer.status != 200 and answer.status not in method.told:
            raise Failed.by_answer(answer)
        written = partial(methods.written, method, answer)
        await self.write(await self._aside.make(written, is_quick=methods.is_quick(answer)))

    async def infer(self) -> None:
        """Answer tensors, or the whole text of a model that writes."""
        request = await self.read(await self.message())
        await self.answer_whole(request, self.write)

    async def message(self) -> bytes:
        """Return the one message of a call, for which whoever has no key need not wait."""
        if self._name not in OPEN:
            await self.require_key()
        message = await self._behind.arriving.receive(self._whose, self._context.read)
        if message is grpc.aio.EOF:
            raise InvalidInput("the call has no message")
        return bytes(message)

    async def require_key(self) -> None:
        """Refuse whoever has none before he can send what takes memory."""
        behind, sender = self._behind, self._sender()
        if behind.keys is None:
            return
        try:
            key_of(behind.keys, sender.headers)
        except ServiceError:  # which the application counts and logs as it tells it
            answer = await whole(behind.app, sender, HttpQuestion("GET", paths.SERVER))
            if answer.status != 200:
                raise Failed.by_answer(answer) from None

    async def read(self, message: bytes) -> InferRequest:
        rest, raw = taken_apart(message, RAW)
        limits = self._behind.limits.json
        return await self._aside.read(
            lambda: InferRequest(rest, raw, limits), is_quick=len(rest) <= QUICK_MESSAGE_BYTES
        )

    def writes_text(self, request: InferRequest) -> bool:
        """Whether the model that is asked writes text. If there is none, the route will say so."""
        try:
            return writes_text(self._behind.engine.find(request.model).manifest)
        except ServiceError:
            return False

    async def answer_whole(self, request: InferRequest, write: Write, *, is_final: bool | None = None) -> None:
        """Write one answer, which in a stream says that none follows."""
        is_text = self.writes_text(request)
        if is_text:
            question = await self._text_question(request, streams=False)
        else:
            question = await self._aside.read(request.of_tensors, is_quick=request.is_quick)
        pieces: list[bytes | memoryview] = []

        async def on_last(last: AnswerPiece) -> None:
            if is_final is None:
                self._context.set_trailing_metadata(trailers_of(last.headers))
            if is_text:
                made = partial(responses.of_text, b"".join(pieces), request.id, is_final)
            else:
                head_length = int(last.headers[HEADER_LENGTH])
                made = partial(responses.of_tensors, pieces, head_length, is_final)
            is_quick = sum(map(len, pieces)) <= QUICK_COPY_BYTES
            await write(await self._aside.make(made, is_quick=is_quick))

        async def on_piece(piece: AnswerPiece) -> None:
            pieces.append(piece.body)
            if not piece.has_more:
                await on_last(piece)

        await self._ask(question, on_piece)

    async def answer_in_pieces(self, request: InferRequest, write: Write) -> None:
        """Write a text as it is made, and at its end an empty answer, for whoever wants to know."""
        version = ""

        async def on_piece(piece: AnswerPiece) -> None:
            nonlocal version
            version = piece.headers.get("X-Model-Version", version)
            for event in responses.events_of(bytes(piece.body)):
                await write(responses.of_event(event, request.id))

        await self._ask(await self._text_question(request, streams=True), on_piece)
        if request.wants_empty_final:
            await write(responses.empty_final(request.model, version or request.version, request.id))

    async def _text_question(self, request: InferRequest, *, streams: bool) -> HttpQuestion:
        return await self._aside.read(partial(request.of_text, streams=streams), is_quick=request.is_quick_text)

    async def write(self, message: bytes) -> None:
        """Raises NotRead for a client that does not read."""
        if not self._has_begun:  # by itself: sent with a message that nobody reads, no status could follow it
            self._has_begun = True
            await self._context.send_initial_metadata(())
        if self._is_left:
            raise NotRead
        try:
            async with asyncio.timeout(self._behind.reading_s * (1 + len(message) // LEAST_READ_BYTES)):
                await self._context.write(message)
        except TimeoutError:
            self._is_left = True
            raise NotRead from None

    async def _ask(self, question: HttpQuestion, on_piece: Callable[[AnswerPiece], Awaitable[None]]) -> None:
        """Hand pieces of a success over as they come; a failure is raised when it is complete."""
        failed: list[AnswerPiece] = []

        async def sorted_out(piece: AnswerPiece) -> None:
            if piece.status == 200:
                await on_piece(piece)
            else:
                failed.append(piece)

        await ask(self._behind.app, self._sender(), question, sorted_out)
        if failed:
            raise Failed.by_answer(Answer(failed[-1].status, failed[-1].headers, [one.body for one in failed]))

    def _sender(self) -> Sender:
        """Return who calls, for as long as his deadline leaves."""
        context = self._context
        sender = sender_of(self._name, context.invocation_metadata() or (), context.peer())
        header, left_s = DEADLINE.lower().encode(), context.time_remaining()
        if left_s is None or any(key == header for key, _ in sender.headers):
            return sender
        left_ms = min(LONGEST_MS, max(1, ceil(1000 * left_s)))
        return replace(sender, headers=[*sender.headers, (header, b"%d" % left_ms)])
