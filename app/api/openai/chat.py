"""Chats: `POST /v1/chat/completions`."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app.api.ask import Addressed, Question, ask_addressed
from app.api.errors import validated
from app.api.given import Given
from app.api.http.aside import QUICK_BYTES, Aside
from app.api.http.askers import asker_of
from app.api.http.routes import Handler
from app.api.openai import logprobs
from app.api.openai.answers import Chunks, Reply, Whole
from app.api.openai.errors import reworded
from app.api.openai.models import find
from app.api.openai.parameters import WORDS, parameters_of
from app.api.openai.reading import read
from app.api.openai.schemas import ChatRequest
from app.errors import InvalidInput
from app.tasks.generation_schema import GeneratedToken, Generation, GenerationInput, GenerationPiece
from app.tasks.text_generation import TextGeneration

VIEW = TextGeneration.contract.name
WRITES = "write text"


def chat(given: Given) -> Handler:
    async def read_chat(request: Request, body: bytes, aside: Aside) -> Addressed:
        asked = await aside.read(lambda: asked_of(ChatRequest, body, given), is_quick=len(body) <= QUICK_BYTES)
        sent = asked[0]
        asker = asker_of(request, sent.safety_identifier or sent.user)
        served = find(given.engine, sent.model, VIEW, WRITES, asker)
        request.scope["served"] = served
        return Addressed(served, chat_question(Reply.of(request, sent, served, "chatcmpl"), *asked, aside))

    async def answer(request: Request, names: dict[str, str]) -> Response:
        return await ask_addressed(given, read_chat, request, TextGeneration.contract.timeout_s)

    return answer


def asked_of(Sent: type[ChatRequest], body: bytes, given: Given) -> tuple[ChatRequest, list[GenerationInput], Any]:
    """Return what was sent, with the items and parameters that it means. Raises InvalidInput."""
    sent = read(Sent, body, given.limits.json)
    begins = not sent.continue_final_message if sent.add_generation_prompt is None else sent.add_generation_prompt
    try:
        items = [
            validated(
                GenerationInput,
                {
                    "messages": sent.messages,
                    "tools": sent.tools,
                    "tool_choice": sent.tool_choice,
                    "add_generation_prompt": begins,
                    "continue_final_message": sent.continue_final_message,
                    "template_arguments": sent.chat_template_kwargs,
                    "sample": sample,
                },
            )
            for sample in range(sent.n)
        ]
    except InvalidInput as error:
        raise reworded(error.under("inputs", 0), WORDS) from None
    return sent, items, parameters_of(sent)


def chat_question(
    reply: Reply,
    sent: ChatRequest,
    items: list[GenerationInput],
    parameters: Any,
    aside: Aside,
    Written: "type[ChatChunks] | None" = None,
) -> Question:
    """Return the question whose answer is told by `reply`, in chunks of the class `Written` if it is streamed."""
    written = (Written or ChatChunks)(reply) if sent.stream else None
    return Question(VIEW, items, parameters, ChatWhole(reply, aside).respond, priority=sent.priority, written=written)


class ChatWhole(Whole):
    kind = "chat.completion"

    def written(self, answer: Generation) -> dict[str, Any]:
        calls = answer.tool_calls
        message = {
            "role": "assistant",
            "content": None if calls else answer.generated_text,
            "refusal": None,
            **({"tool_calls": [call.model_dump() for call in calls]} if calls else {}),
        }
        return {"message": message}

    def logprobs(self, tokens: Sequence[GeneratedToken] | None) -> Iterable[bytes]:
        return logprobs.pieces_of_chat(tokens)


class ChatChunks(Chunks):
    """Each answer begins with its role, and ends with its reason. No delta has a null, which clients stumble on."""

    kind = "chat.completion.chunk"

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self._begun: set[int] = set()

    def choices(self, piece: GenerationPiece) -> Iterator[dict[str, Any]]:
        if piece.item not in self._begun:
            self._begun.add(piece.item)
            yield _choice({"role": "assistant", "content": ""})
        tokens = logprobs.tokens_of(piece)
        if piece.text or tokens:
            yield _choice({"content": piece.text}, logprobs.of_chat(tokens))
        if piece.tool_calls:
            calls = [{"index": at, **call.model_dump()} for at, call in enumerate(piece.tool_calls)]
            yield _choice({"tool_calls": calls})
        if piece.finish_reason:
            yield {**_choice({}), "finish_reason": piece.finish_reason, "stop_reason": piece.stop_reason}


def _choice(delta: dict[str, Any], told: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"delta": delta, "logprobs": told, "finish_reason": None}
