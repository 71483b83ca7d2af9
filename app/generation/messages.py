"""Messages of a chat, as templates of all models read them. Knows no template."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.errors import InvalidInput

LONGEST_ARGUMENTS = 100_000  # characters of JSON, which is read in one go

ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def plain(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages whose content is one text: parts of text are joined by line breaks, and "developer" is "system".

    Fields that are None are left out, and arguments of calls are read from their JSON, as templates write them anew.
    Raises InvalidInput, under the place in `messages`.
    """
    if not messages:
        raise InvalidInput("is empty; a chat has at least one message")
    return [_under(at, _plain, message) for at, message in enumerate(messages)]


def _plain(message: Mapping[str, Any]) -> dict[str, Any]:
    message = {key: value for key, value in message.items() if value is not None}
    if (role := message.get("role")) not in ROLES:
        raise InvalidInput(f"{role!r:.40} is none of: {', '.join(ROLES)}").under("role")
    if role == "developer":
        message["role"] = "system"
    if "content" in message:
        message["content"] = _text(message["content"])
    elif role != "assistant":
        raise InvalidInput("is missing").under("content")
    if "tool_calls" in message:
        calls = message["tool_calls"]
        if not isinstance(calls, list):
            raise InvalidInput("must be a list of calls").under("tool_calls")
        message["tool_calls"] = [_under(("tool_calls", at), _call, call) for at, call in enumerate(calls)]
    return message


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise InvalidInput("must be a text, or a list of parts").under("content")
    return "\n".join(_under(("content", at), _part, part) for at, part in enumerate(content))


def _part(part: Any) -> str:
    if not isinstance(part, Mapping) or part.get("type") != "text":
        kind = part.get("type") if isinstance(part, Mapping) else part
        raise InvalidInput(f"the model reads text, and no {kind!r:.40}").under("type")
    if not isinstance(text := part.get("text"), str):
        raise InvalidInput("must be a text").under("text")
    return text


def _call(call: Any) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise InvalidInput("must name a function").under("function", "name")
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        if len(arguments) > LONGEST_ARGUMENTS:
            raise InvalidInput(f"has {len(arguments)} characters, and may have {LONGEST_ARGUMENTS}").under(
                "function", "arguments"
            )
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"is no JSON: {error}").under("function", "arguments") from error
    if not isinstance(arguments, Mapping):
        raise InvalidInput("must be an object").under("function", "arguments")
    return {**call, "function": {**function, "arguments": arguments}}


def _under(loc: int | tuple[str | int, ...], read: Any, value: Any) -> Any:
    try:
        return read(value)
    except InvalidInput as error:
        raise error.under(*(loc if isinstance(loc, tuple) else (loc,))) from error
