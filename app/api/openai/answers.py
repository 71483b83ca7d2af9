"""Answers as they are told, whole or in chunks: what chats and completions have in common."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.api.ask import headers_of
from app.api.http.aside import Aside
from app.api.http.events import DONE, event
from app.api.http.pieces import respond_with
from app.api.openai import errors
from app.api.openai.logprobs import tokens_of
from app.api.openai.models import fingerprint
from app.api.openai.parameters import WORDS, is_told
from app.api.openai.schemas import ChatRequest, CompletionRequest
from app.api.openai.usage import TokenCount
from app.errors import ServiceError
from app.serving.engine import Prediction, Served
from app.tasks.generation_schema import GeneratedToken, Generation, GenerationPiece
from app.tasks.json_pieces import array_of, object_with


@dataclass(frozen=True, slots=True)
class Reply:
    """One request, and what its answer says of itself."""

    sent: ChatRequest | CompletionRequest
    request_id: str
    own: Mapping[str, Any]

    @classmethod
    def of(cls, request: Request, sent: ChatRequest | CompletionRequest, served: Served, prefix: str) -> "Reply":
        request_id: str = request.scope["state"]["request_id"]
        own = {
            "id": f"{prefix}-{request_id}",
            "created": int(time.time()),
            "model": served.manifest.name,
            "system_fingerprint": fingerprint(served.manifest),
            "generated": True,
        }
        return cls(sent, request_id, own)


class Whole(ABC):
    """Answers that are told when all are there."""

    kind: str

    def __init__(self, reply: Reply, aside: Aside) -> None:
        self._reply, self._aside = reply, aside

    async def respond(self, prediction: Prediction) -> Response:
        count = TokenCount(self._reply.sent.n)
        for index, answer in enumerate(prediction.outputs):
            count.count(index, answer)
        choices = array_of(self._choice(index, answer) for index, answer in enumerate(prediction.outputs))
        told = object_with({**self._reply.own, "object": self.kind, "usage": count.told()}, choices=choices)
        return await respond_with(self._aside, told, "application/json", headers_of(prediction))

    def _choice(self, index: int, answer: Generation) -> Iterator[bytes]:
        ended = {"finish_reason": answer.finish_reason, "stop_reason": answer.stop_reason}
        return object_with({"index": index, **self.written(answer), **ended}, logprobs=self.logprobs(tokens_of(answer)))

    @abstractmethod
    def written(self, answer: Generation) -> dict[str, Any]:
        """Return what a choice has of what was written."""

    @abstractmethod
    def logprobs(self, tokens: Sequence[GeneratedToken] | None) -> Iterable[bytes]:
        """Return what a choice tells of its tokens, as JSON in pieces."""


class Chunks(ABC):
    """Answers that are told while they are written; their chunks are mixed, and each has the index of its answer."""

    kind: str

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._own = {**reply.own, "object": self.kind}
        self._count = TokenCount(reply.sent.n)
        self._counts_on = is_told(reply.sent, "continuous_usage_stats")

    def piece(self, piece: Prediction) -> bytes:
        written = []
        for one in piece.outputs:
            self._count.count(one.item, one)
            written += [self._chunk([{"index": one.item, **choice}], self._counts_on) for choice in self.choices(one)]
        return b"".join(written)

    def failed(self, error: ServiceError) -> bytes:
        return event(to_json(errors.written(error, WORDS, self._reply.request_id))) + DONE

    def end(self) -> bytes:
        is_counted = is_told(self._reply.sent, "include_usage")
        return (self._chunk([], True) if is_counted else b"") + DONE

    @abstractmethod
    def choices(self, piece: GenerationPiece) -> Iterator[dict[str, Any]]:
        """Return what chunks say of a piece, besides its index."""

    def _chunk(self, choices: list[dict[str, Any]], is_counted: bool) -> bytes:
        counted = {"usage": self._count.told()} if is_counted else {}
        return event(to_json({**self._own, "choices": choices, **counted}))
