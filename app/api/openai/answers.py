"""Answers as they are told, whole or in chunks: what chats and completions have in common."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.api.ask import headers_of
from app.api.http.events import DONE, event
from app.api.openai import errors
from app.api.openai.models import fingerprint
from app.api.openai.parameters import WORDS, is_told
from app.api.openai.schemas import ChatRequest, CompletionRequest
from app.api.openai.usage import TokenCount
from app.errors import ServiceError
from app.serving.engine import Prediction, Served
from app.tasks.generation_schema import Generation, GenerationPiece


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

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    async def respond(self, prediction: Prediction) -> Response:
        count = TokenCount(self._reply.sent.n)
        choices = []
        for index, answer in enumerate(prediction.outputs):
            count.count(index, answer)
            choices.append({"index": index, **self.choice(answer), "stop_reason": answer.stop_reason})
        told = {**self._reply.own, "object": self.kind, "choices": choices, "usage": count.told()}
        return Response(to_json(told), media_type="application/json", headers=headers_of(prediction))

    @abstractmethod
    def choice(self, answer: Generation) -> dict[str, Any]:
        """Return what a choice has besides its index and the reason why it ended."""


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
