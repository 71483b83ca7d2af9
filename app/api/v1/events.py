"""The routes of events: they come in, and all that is kept of one user goes out."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.errors import faults_of, invalid_input
from app.api.given import Given
from app.api.http.aside import QUICK_BYTES
from app.api.http.callers import caller_of
from app.api.http.deadline import deadline_of
from app.api.http.routes import Handler
from app.api.media.json_text import JsonLimits, read_json
from app.api.v1.event_schema import (
    EVENT_LIST,
    MOST_EVENTS,
    AnswerEvent,
    CorrectionEvent,
    ForgottenUser,
    ItemEvent,
    RatingEvent,
    StoredEvents,
    ThumbEvent,
)
from app.errors import DeadlineExceeded, EventsOff, InvalidInput, PayloadTooLarge
from app.events.moments import EPOCH, microseconds_of
from app.events.rows import StoredEvent
from app.events.store import EventStore
from app.tasks.recommendation import UserId

BODY_BYTES = 1_000_000
AHEAD = timedelta(minutes=5)  # of our clock: as far as clocks go apart that nobody has set for a while
ID_BYTES = 16  # by chance, of the ids that the service makes for one request
AS_JSON = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps would make such an encoder for each item
USER: TypeAdapter[str] = TypeAdapter(UserId)


def store_events(given: Given) -> Handler:
    async def handler(request: Request, names: dict[str, str]) -> Response:
        events = _events_of(given)
        until = asyncio.get_running_loop().time() + deadline_of(request, given.limits.request_timeout_s)
        sender = request.scope["state"].get("key", "")
        aside = given.aside.of(caller_of(request))
        try:
            with given.deadlines.until(until):
                body = await request.body()
                rows = await aside.read(
                    lambda: _rows(body, given.limits.json, sender, events), is_quick=len(body) <= QUICK_BYTES
                )
                await events.keep(rows)
        except TimeoutError:
            raise DeadlineExceeded("the deadline passed before the events were stored, and some may still be") from None
        return JSONResponse(StoredEvents(ids=[row.id for row in rows]).model_dump())

    return handler


def forget_user(given: Given) -> Handler:
    async def handler(request: Request, names: dict[str, str]) -> Response:
        try:
            user = USER.validate_python(names["user"])
        except ValidationError as error:
            raise invalid_input(faults_of(error)).under("path", "user") from None
        return JSONResponse(ForgottenUser(user=user, events=await _events_of(given).forget(user)).model_dump())

    return handler


def _events_of(given: Given) -> EventStore:
    if given.events is None:
        raise EventsOff("this service keeps no events: TESSERA_DATABASE_URL is off")
    return given.events


def _rows(body: bytes, limits: JsonLimits, sender: str, events: EventStore) -> list[StoredEvent]:
    """Read one event or a list. Raises InvalidInput and PayloadTooLarge."""
    read = read_json(body, limits)
    is_list = isinstance(read, list)
    if is_list and len(read) > MOST_EVENTS:
        raise PayloadTooLarge(f"{len(read)} events; a request may have {MOST_EVENTS}")
    try:
        sent = EVENT_LIST.validate_python(read if is_list else [read])
    except ValidationError as error:
        # Behind its index stands the kind of an event, which is no part of the path.
        faults = [{**one, "loc": (*one["loc"][:is_list], *one["loc"][2:])} for one in faults_of(error)]
        raise invalid_input(faults) from None
    now, made = datetime.now(UTC), token_hex(ID_BYTES)
    received, rows = microseconds_of(now), []
    for index, event in enumerate(sent):
        try:
            # Events of a list without times keep their order. A clock that is ahead must not put this event behind
            # what happens next.
            at = received + index if event.at is None else min(_checked(event.at, now, events.days), received)
        except InvalidInput as error:
            raise error.under(*[index][:is_list], "at") from None
        person = events.person(event.user) if event.user else ""
        rows.append(_row(event, sender, event.id or f"{made}{index:03x}", person, at, received))
    return rows


def _row(event: ItemEvent | AnswerEvent, sender: str, name: str, person: str, at: int, received: int) -> StoredEvent:
    item, value, details = "", None, ""
    if isinstance(event, ItemEvent):  # asked first, and the others not at all: pydantic takes 1 µs to say no
        item = AS_JSON(event.item)
        value = event.value if isinstance(event, RatingEvent) else None
    else:
        value = float(event.up) if isinstance(event, ThumbEvent) else None
        details = _details(event)
    return StoredEvent(
        sender, name, event.kind, at, received, person, event.model or "", item, event.request or "", value, details
    )


def _details(event: AnswerEvent) -> str:
    details = dict[str, Any]()
    if event.comment:
        details["comment"] = event.comment
    if isinstance(event, CorrectionEvent):
        details["expected"] = event.expected
    return json.dumps(details) if details else ""


def _checked(at: datetime, now: datetime, days: int) -> int:
    """Return microseconds since 1970. Raises InvalidInput for a time that cannot be, or that is not kept any more."""
    if at > now + AHEAD:
        ahead_s = (at - now).total_seconds()
        raise InvalidInput(f"is {ahead_s:.0f} s ahead of the service's clock, and may be {AHEAD.total_seconds():.0f}")
    if at < EPOCH:
        raise InvalidInput("is before 1970")
    if days and at < now - timedelta(days=days):
        raise InvalidInput(f"is more than {days} days ago, and events are kept no longer")
    return microseconds_of(at)
