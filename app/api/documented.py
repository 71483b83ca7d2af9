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


def events_of(Data: type[BaseModel], *, ends_with_done: bool) -> dict[str, Any]:
    """Return the content of an answer of events, each with JSON for data; the last may be `[DONE]`, which is none."""
    data: dict[str, Any] = {"contentMediaType": "application/json", "contentSchema": BodySchema(Data, "serialization")}
    if ends_with_done:
        data = {"anyOf": [{"const": "[DONE]"}, data]}
    return {EVENTS: {"itemSchema": {"type": "object", "properties": {"data": {"type": "string", **data}}}}}
