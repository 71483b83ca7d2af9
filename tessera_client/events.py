"""Events and users: calls, and how their answers are read."""

from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tessera_client.calls import Call, understood

Kind = Literal["view", "click", "purchase", "rating", "thumb", "correction"]


class Event(BaseModel):
    """One event; which fields each kind has is in the service's documents.

    It has an id from the beginning, so that it is stored once however often it is sent.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    id: str = Field(default_factory=lambda: uuid4().hex)
    user: str | None = None
    item: int | str | None = None
    value: float | None = None
    request: str | None = None
    up: bool | None = None
    expected: Any = None
    comment: str | None = None
    model: str | None = None
    at: AwareDatetime | None = None


def send_events(events: Sequence[Event]) -> Call[list[str]]:
    """Return the ids of the events when they are on the service's disk; all are stored, or none."""
    body = [event.model_dump(mode="json", exclude_none=True) for event in events]

    def read(response: httpx.Response) -> list[str]:
        with understood(response):
            return _Stored.model_validate_json(response.content).ids

    return Call("POST", "/v1/events", read, {"json": body})


def forget_user(user: str) -> Call[int]:
    """Delete all that is kept of a user; return how many events there were."""

    def read(response: httpx.Response) -> int:
        with understood(response):
            return _Forgotten.model_validate_json(response.content).events

    return Call("DELETE", f"/v1/users/{quote(user, safe='')}", read)


class _Stored(BaseModel):
    ids: list[str]


class _Forgotten(BaseModel):
    events: int
