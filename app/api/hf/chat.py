"""Chats with the model in the path, in the form of OpenAI and with the errors of this dialect."""

from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.api.ask import Question, ask
from app.api.errors import in_words
from app.api.given import Given
from app.api.hf.errors import error_type_of, tell
from app.api.hf.reading import require
from app.api.http.aside import QUICK_BYTES, Aside
from app.api.http.events import DONE, event
from app.api.http.routes import Handler
from app.api.openai.answers import Reply
from app.api.openai.chat import VIEW, ChatChunks, asked_of, chat_question
from app.api.openai.errors import reworded
from app.api.openai.parameters import WORDS
from app.api.openai.schemas import ChatRequest
from app.errors import ServiceError
from app.serving.engine import Served
from app.tasks.generation_schema import GenerationPiece


class HfChatRequest(ChatRequest):
    """The body names a model, too, which clients fill with anything: that in the path answers."""

    model: str = ""


class HfChatChunks(ChatChunks):
    """Each delta has all the fields that TGI gave it, and nothing follows the last: its own client needs both.

    That client (text-generation) parses everything that follows `data:` as JSON, so `[DONE]` would be an error to it.
    """

    def choices(self, piece: GenerationPiece) -> Iterator[dict[str, Any]]:
        for choice in super().choices(piece):
            yield {**choice, "delta": {"role": "assistant", "tool_calls": None, **choice["delta"]}}

    def end(self) -> bytes:
        return super().end().removesuffix(DONE)

    def failed(self, error: ServiceError) -> bytes:
        error = reworded(error, WORDS)
        told = in_words(self._reply.request_id, error, str(error))
        return event(to_json(told.model_copy(update={"error_type": error_type_of(error)})))


def chat(given: Given) -> Handler:
    async def read(request: Request, body: bytes, served: Served, aside: Aside) -> Question:
        require(served, VIEW)
        asked = await aside.read(lambda: asked_of(HfChatRequest, body, given), is_quick=len(body) <= QUICK_BYTES)
        return chat_question(Reply.of(request, asked[0], served, "chatcmpl"), *asked, aside, HfChatChunks)

    async def answer(request: Request, names: dict[str, str]) -> Response:
        return await ask(given, read, request, names)

    return answer


async def tell_chat(request: Request, error: ServiceError) -> Response:
    return await tell(request, reworded(error, WORDS))
