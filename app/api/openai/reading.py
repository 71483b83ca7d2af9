"""A body to one of the requests of this dialect; every fault says of which part it is."""

from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

from app.api.errors import validated
from app.api.media.json_text import JsonLimits, read_json
from app.api.openai.schemas import REFUSED, Refused
from app.errors import InvalidInput

Sent = TypeVar("Sent", bound=BaseModel)
MOST_QUOTED = 5  # unknown names that an error repeats


def read(Request: type[Sent], content: bytes, limits: JsonLimits, refused: Refused = REFUSED) -> Sent:
    """Raises InvalidInput and PayloadTooLarge."""
    return sent_of(Request, _json_object(content, limits), refused)


def sent_of(Request: type[Sent], values: dict[str, Any], refused: Refused) -> Sent:
    """Return a request of these fields. Raises InvalidInput."""
    body = {name: value for name, value in values.items() if value is not None}
    for name in [one for one in refused if one in body]:
        harmless, why = refused[name]
        if body[name] not in harmless:
            raise InvalidInput(f"is not supported: {why}").under(name)
        del body[name]
    names = [field.alias or name for name, field in Request.model_fields.items()]
    if unknown := [name for name in body if name not in names]:
        quoted = ", ".join(f"{name:.40}" for name in unknown[:MOST_QUOTED])
        message = f"Unrecognized request argument{'s' if len(unknown) > 1 else ''} supplied: {quoted}"
        raise InvalidInput(message, [{"loc": [unknown[0][:40]], "msg": message}])
    if isinstance(body.get("messages"), list):
        body["messages"] = list(_messages(body["messages"]))
    return validated(Request, body)


def _json_object(content: bytes, limits: JsonLimits) -> dict[str, Any]:
    body = read_json(content, limits)
    if not isinstance(body, dict):
        raise InvalidInput("the body must be a JSON object")
    return body


def _messages(messages: list[Any]) -> Iterator[Any]:
    """Messages without their fields that are null. What clients dump of an answer has many, also of other models."""
    for at, message in enumerate(messages):
        if not isinstance(message, dict):
            raise InvalidInput("must be an object").under("messages", at)
        content = message.get("content")
        if not isinstance(content, str | list | None):
            raise InvalidInput("must be a text, or a list of parts").under("messages", at, "content")
        for number, part in enumerate(content if isinstance(content, list) else ()):
            if (kind := part.get("type") if isinstance(part, dict) else None) != "text":
                raise InvalidInput(f"the model reads text, and no {kind!r:.40}").under(
                    "messages", at, "content", number, "type"
                )
        yield {name: value for name, value in message.items() if value is not None}
