"""Chats in the form that OpenAI has for them since 2025: `POST /v1/responses`, without anything that is kept."""

import time
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from app.api.ask import Addressed, Question, ask_addressed, headers_of
from app.api.errors import validated
from app.api.given import Given
from app.api.http.aside import QUICK_BYTES, Aside
from app.api.http.askers import asker_of
from app.api.http.events import event
from app.api.http.routes import Handler
from app.api.openai.chat import VIEW, WRITES
from app.api.openai.errors import Words, reworded, written
from app.api.openai.formats import grammar_of
from app.api.openai.models import find
from app.api.openai.reading import read
from app.api.openai.responses_schema import REFUSED_HERE, ResponsesRequest, format_of, messages_of
from app.errors import InvalidInput, ServiceError
from app.serving.engine import Prediction
from app.tasks.generation_schema import Generation, GenerationInput, GenerationParameters, GenerationPiece
from app.tasks.text_generation import TextGeneration

WORDS: Words = {"max_new_tokens": "max_output_tokens", "grammar": "text.format", "messages": "input"}
FORMAT_WORDS: Words = {**WORDS, "response_format": "text.format", "response_format.json_schema": "text.format"}


def respond(given: Given) -> Handler:
    async def read_input(request: Request, body: bytes, aside: Aside) -> Addressed:
        sent, item, parameters = await aside.read(lambda: _asked(body, given), is_quick=len(body) <= QUICK_BYTES)
        asker = asker_of(request, sent.safety_identifier or sent.user)
        served = request.scope["served"] = find(given.engine, sent.model, VIEW, WRITES, asker)
        told = ToldResponse(sent, served.manifest.name, request.scope["state"]["request_id"])
        events = ResponseEvents(told) if sent.stream else None
        return Addressed(served, Question(VIEW, [item], parameters, told.respond, written=events))

    async def answer(request: Request, names: dict[str, str]) -> Response:
        return await ask_addressed(given, read_input, request, TextGeneration.contract.timeout_s)

    return answer


def _asked(body: bytes, given: Given) -> tuple[ResponsesRequest, GenerationInput, GenerationParameters]:
    sent = read(ResponsesRequest, body, given.limits.json, REFUSED_HERE)
    try:
        parameters = validated(
            GenerationParameters,
            {
                "max_new_tokens": sent.max_output_tokens,
                "temperature": sent.temperature,
                "top_p": sent.top_p,
                "grammar": grammar_of(format_of(sent), None),
            },
        )
        item = validated(GenerationInput, {"messages": messages_of(sent)})
    except InvalidInput as error:
        raise reworded(error.under("parameters"), FORMAT_WORDS) from None
    return sent, item, parameters


class ToldResponse:
    """One answer: its one message, before it has a text and after."""

    def __init__(self, sent: ResponsesRequest, model: str, request_id: str) -> None:
        self.request_id = request_id
        self.item_id = f"msg_{request_id}"
        self._own = {
            "id": f"resp_{request_id}",
            "object": "response",
            "created_at": int(time.time()),
            "model": model,
            "generated": True,
            "error": None,
            "instructions": sent.instructions,
            "max_output_tokens": sent.max_output_tokens,
            "metadata": sent.metadata or {},
            "parallel_tool_calls": sent.parallel_tool_calls,
            "previous_response_id": None,
            "store": False,
            "temperature": sent.temperature,
            "text": sent.text or {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": sent.top_p,
            "truncation": "disabled",
        }

    async def respond(self, prediction: Prediction) -> Response:
        (answer,) = prediction.outputs
        content = to_json(self.whole(answer, answer.generated_text))
        return Response(content, media_type="application/json", headers=headers_of(prediction))

    def begun(self) -> dict[str, Any]:
        return {**self._own, "status": "in_progress", "incomplete_details": None, "output": [], "usage": None}

    def whole(self, last: Generation | GenerationPiece, text: str) -> dict[str, Any]:
        cut = {"reason": "max_output_tokens"} if last.finish_reason == "length" else None
        usage = {
            "input_tokens": last.prompt_tokens,
            "input_tokens_details": {"cached_tokens": last.cached_tokens},
            "output_tokens": last.generated_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": last.prompt_tokens + last.generated_tokens,
        }
        return {
            **self._own,
            "status": "incomplete" if cut else "completed",
            "incomplete_details": cut,
            "output": [self.message(part_of(text), is_cut=cut is not None)],
            "usage": usage,
        }

    def message(self, part: Mapping[str, Any] | None, is_cut: bool = False) -> dict[str, Any]:
        status = "in_progress" if part is None else "incomplete" if is_cut else "completed"
        content = [] if part is None else [part]
        return {"id": self.item_id, "type": "message", "role": "assistant", "status": status, "content": content}


def part_of(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


class ResponseEvents:
    """An answer as events, each of which has a name and a number."""

    def __init__(self, told: ToldResponse) -> None:
        self._told = told
        self._number = 0
        self._text = ""

    def piece(self, piece: Prediction) -> bytes:
        (one,) = piece.outputs
        events = b"" if self._number else self._begin()
        self._text += one.text
        if one.text:
            events += self._of_part("output_text.delta", delta=one.text, logprobs=[])
        return events + (self._finish(one) if one.finish_reason else b"")

    def failed(self, error: ServiceError) -> bytes:
        inside = written(error, WORDS, self._told.request_id)["error"]
        fields = {name: inside[name] for name in ("code", "message", "param")}
        return self._event("error", **fields, error=inside)

    def end(self) -> bytes:
        return b""

    def _begin(self) -> bytes:
        begun = self._told.begun()
        return (
            self._event("response.created", response=begun)
            + self._event("response.in_progress", response=begun)
            + self._event("response.output_item.added", output_index=0, item=self._told.message(None))
            + self._of_part("content_part.added", part=part_of(""))
        )

    def _finish(self, last: GenerationPiece) -> bytes:
        whole, part = self._told.whole(last, self._text), part_of(self._text)
        return (
            self._of_part("output_text.done", text=self._text, logprobs=[])
            + self._of_part("content_part.done", part=part)
            + self._event("response.output_item.done", output_index=0, item=whole["output"][0])
            + self._event(f"response.{whole['status']}", response=whole)
        )

    def _of_part(self, name: str, **fields: Any) -> bytes:
        place = {"item_id": self._told.item_id, "output_index": 0, "content_index": 0}
        return self._event(f"response.{name}", **place, **fields)

    def _event(self, name: str, **fields: Any) -> bytes:
        data = {"type": name, "sequence_number": self._number, **fields}
        self._number += 1
        return event(to_json(data), name.encode())
