"""Requests to `POST /v1/responses`, of which one can be answered that needs no memory of others."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from app.api.openai.schemas import FOR_WHOM, REFUSED, Metadata, Refused, same
from app.errors import InvalidInput
from app.tasks.schema import Schema

TEXTS = ("input_text", "output_text", "text")  # types of a part of a message that is a text

TEXT_OR_MESSAGES = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}, "minItems": 1}],
    "title": "Input",
}


class ResponsesRequest(Schema):
    """Body of `POST /v1/responses`. No answer is kept, so none can be referred to."""

    model: Annotated[str, Field(description="name or alias of a model")]
    input: Annotated[
        Any, WithJsonSchema(TEXT_OR_MESSAGES), Field(description="a text, or messages with a role and a content")
    ]
    instructions: Annotated[str | None, Field(description="a message of the system, before the others")] = None
    max_output_tokens: Annotated[int | None, same("max_new_tokens", "most tokens of the answer")] = None
    temperature: Annotated[float | None, same("temperature")] = None
    top_p: Annotated[float | None, same("top_p")] = None
    text: Annotated[dict[str, Any] | None, Field(description="the form of the answer, as `format`")] = None
    stream: bool = False
    user: Annotated[str | None, FOR_WHOM] = None
    safety_identifier: Annotated[str | None, FOR_WHOM] = None
    # What follows has no effect, and need have none.
    metadata: Metadata | None = None
    service_tier: Literal["auto", "default"] | None = None
    parallel_tool_calls: bool = True
    prompt_cache_key: str | None = None


NO_MEMORY = "no answer is kept; send the messages before as input"
REFUSED_HERE: Refused = {
    **{name: REFUSED[name] for name in ("store",)},
    "previous_response_id": ((), NO_MEMORY),
    "conversation": ((), NO_MEMORY),
    "prompt": ((), "no prompts are kept; send input"),
    "background": ((False,), "an answer is given to whoever waits for it"),
    "tools": (([],), "functions are called at /chat/completions"),
    "tool_choice": (("auto", "none"), "there are no tools here"),
    "max_tool_calls": ((), "there are no tools here"),
    "reasoning": ((), "the model does not reason before it answers"),
    "include": (([],), "there is nothing more to tell"),
    "truncation": (("disabled",), "an input that is too long is refused, and never cut"),
    "top_logprobs": ((0,), "they are told at /chat/completions"),
    "stream_options": (({}, {"include_obfuscation": False}), "nothing is put into events to hide sizes"),
}


def format_of(sent: ResponsesRequest) -> Mapping[str, Any] | None:
    """Return the form of the answer as a chat has it. Raises InvalidInput."""
    if unknown := [name for name in sent.text or () if name != "format"]:
        raise InvalidInput("would have no effect").under("text", unknown[0])
    form = (sent.text or {}).get("format")
    if not isinstance(form, Mapping | None):
        raise InvalidInput("must be an object").under("text", "format")
    if not form or form.get("type") != "json_schema":
        return form
    return {"type": "json_schema", "json_schema": {name: value for name, value in form.items() if name != "type"}}


def messages_of(sent: ResponsesRequest) -> list[dict[str, Any]]:
    """Return the input as messages of a chat. Raises InvalidInput."""
    items = [{"role": "user", "content": sent.input}] if isinstance(sent.input, str) else sent.input
    if not isinstance(items, list) or not items:
        raise InvalidInput("must be a text, or a list of messages").under("input")
    told = [{"role": "system", "content": sent.instructions}] if sent.instructions else []
    return told + [_message(at, item) for at, item in enumerate(items)]


def _message(at: int, item: Any) -> dict[str, Any]:
    if not isinstance(item, dict) or item.get("type", "message") != "message":
        kind = item.get("type") if isinstance(item, dict) else item
        raise InvalidInput(f"must be a message, and is {kind!r:.40}").under("input", at, "type")
    content = item.get("content")
    if not isinstance(content, str | list):
        raise InvalidInput("must be a text, or a list of parts").under("input", at, "content")
    if isinstance(content, list):
        content = "\n".join(_texts(at, content))
    return {"role": item.get("role"), "content": content}


def _texts(at: int, parts: Sequence[Any]) -> Iterator[str]:
    for number, part in enumerate(parts):
        if (kind := part.get("type") if isinstance(part, dict) else None) not in TEXTS:
            raise InvalidInput(f"the model reads text, and no {kind!r:.40}").under(
                "input", at, "content", number, "type"
            )
        if not isinstance(part.get("text"), str):
            raise InvalidInput("must be a text").under("input", at, "content", number, "text")
        yield part["text"]
