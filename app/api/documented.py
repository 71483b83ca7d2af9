"""The parts that operations have in common, as dialects write them for the OpenAPI document."""

from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from app.api.http import deadline

OCTETS = "application/octet-stream"  # or image/*, or any: it is known by its bytes
EVENTS = "text/event-stream"
FILE = {"type": "string", "format": "binary"}

DEADLINE = {
    "name": deadline.HEADER,
    "in": "header",
    "description": "deadline of this request; it covers the upload, the queue and the run",
    "schema": {"type": "integer", "minimum": 1, "maximum": deadline.LONGEST_MS},
}


class BodySchema(NamedTuple):
    """Stands in an operation for a schema: openapi.py puts a reference to it there."""

    model: type[BaseModel]
    mode: JsonSchemaMode


def body_read_by_hand(Sent: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """Return what a typed route says of a body that it reads itself, since clients send it without a Content-Type."""
    schema = Sent.model_json_schema()
    known = schema.pop("$defs", {})

    def in_full(value: Any) -> Any:
        if isinstance(value, dict):
            referred = known.get(str(value.get("$ref", "")).rpartition("/")[2])
            return in_full(referred) if referred else {name: in_full(one) for name, one in value.items()}
        return [in_full(one) for one in value] if isinstance(value, list) else value

    return {"requestBody": {"content": {"application/json": {"schema": in_full(schema), "example": example}}}}


def events_of(Data: type[BaseModel], *, ends_with_done: bool) -> dict[str, Any]:
    """Return the content of an answer of events, each with JSON for data; the last may be `[DONE]`, which is none."""
    data: dict[str, Any] = {"contentMediaType": "application/json", "contentSchema": BodySchema(Data, "serialization")}
    if ends_with_done:
        data = {"anyOf": [{"const": "[DONE]"}, data]}
    return {EVENTS: {"itemSchema": {"type": "object", "properties": {"data": {"type": "string", **data}}}}}
