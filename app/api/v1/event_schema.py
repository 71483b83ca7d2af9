"""Events as they are sent."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    JsonValue,
    RootModel,
    StrictBool,
    StrictStr,
    TypeAdapter,
)
from pydantic_core import to_json

from app.repository.manifest import is_model_name
from app.tasks.recommendation import ItemReference, UserId
from app.tasks.schema import Schema

MOST_EVENTS = 500  # of one request
LONGEST_NAME, LONGEST_ITEM, LONGEST_COMMENT = 128, 500, 2_000  # characters
MOST_CORRECTION_BYTES = 10_000  # of JSON
LARGEST_RATING = 100
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)")


def _is_moment(value: Any) -> Any:
    if not isinstance(value, str) or not ISO.fullmatch(value):
        raise ValueError("must be a date and time with its offset, such as 2026-12-01T10:15:30Z")
    return value


def _has_no_nul(item: int | str) -> int | str:
    if isinstance(item, str) and (len(item) > LONGEST_ITEM or "\0" in item):
        raise ValueError(f"a title has at most {LONGEST_ITEM} characters, and none of them is NUL")
    return item


def _is_model(name: str) -> str:
    if not is_model_name(name):
        raise ValueError("is not a model's name: lower-case words joined by hyphens")
    return name


def _is_small(value: JsonValue) -> JsonValue:
    try:
        size = len(to_json(value, inf_nan_mode="strings"))
    except ValueError:
        raise ValueError("cannot be written as JSON") from None
    if size > MOST_CORRECTION_BYTES:
        raise ValueError(f"has {size} bytes of JSON, and may have {MOST_CORRECTION_BYTES}")
    if not _is_finite(value):
        raise ValueError("has a number that is not finite")
    return value


def _is_finite(value: JsonValue) -> bool:
    if isinstance(value, float):
        return value - value == 0
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(map(_is_finite, parts))


Name = Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^\x00-\x1f\x7f]+$")]
Item = Annotated[ItemReference, AfterValidator(_has_no_nul)]
Moment = Annotated[datetime, BeforeValidator(_is_moment)]
ModelName = Annotated[StrictStr, AfterValidator(_is_model)]
RequestId = Annotated[
    Name, Field(description="`X-Request-Id` of the answer that it is about", examples=["e2e4b21e79b36ebc"])
]


class AnyEvent(Schema):
    """The part that all events have in common."""

    kind: str
    id: Annotated[
        Name | None,
        Field(
            description="the same id again changes nothing, so whoever gave one may retry; else the service makes it"
        ),
    ] = None
    at: Annotated[
        Moment | None, Field(description="when it happened (RFC 3339), if not now", examples=["2026-12-01T10:15:30Z"])
    ] = None
    model: Annotated[
        ModelName | None,
        Field(description="whose items or answer it is about; without, a recommender takes any item that it knows"),
    ] = None


class ItemEvent(AnyEvent):
    """Something that a person did with an item."""

    user: Annotated[UserId, Field(description="of the caller's own choice; a prediction names the same")]
    item: Item
    request: RequestId | None = None


class ViewEvent(ItemEvent):
    """A person looked at an item."""

    kind: Literal["view"]


class ClickEvent(ItemEvent):
    """A person chose an item among others."""

    kind: Literal["click"]


class PurchaseEvent(ItemEvent):
    """A person bought an item."""

    kind: Literal["purchase"]


class RatingEvent(ItemEvent):
    """A person said how good an item is, on whatever scale."""

    kind: Literal["rating"]
    value: Annotated[float, Field(ge=-LARGEST_RATING, le=LARGEST_RATING, allow_inf_nan=False, strict=True)]


class AnswerEvent(AnyEvent):
    """Something that was said of an answer."""

    user: UserId | None = None
    request: RequestId
    comment: Annotated[StrictStr, Field(max_length=LONGEST_COMMENT, pattern=r"^[^\x00]*$")] | None = None


class ThumbEvent(AnswerEvent):
    """An answer was good, or was not."""

    kind: Literal["thumb"]
    up: StrictBool


class CorrectionEvent(AnswerEvent):
    """An answer should have been another one."""

    kind: Literal["correction"]
    expected: Annotated[
        JsonValue,
        AfterValidator(_is_small),
        Field(description="in the form of an output, or a part of it", examples=["positive"]),
    ]


Event = Annotated[
    ViewEvent | ClickEvent | PurchaseEvent | RatingEvent | ThumbEvent | CorrectionEvent, Field(discriminator="kind")
]
EVENT_LIST = TypeAdapter(Annotated[list[Event], Field(min_length=1)])


class SentEvents(RootModel[Event | Annotated[list[Event], Field(min_length=1, max_length=MOST_EVENTS)]]):
    """One event, or several."""


class StoredEvents(BaseModel):
    """Events that are on the disk, by id, in the order in which they came."""

    ids: list[str]


class ForgottenUser(BaseModel):
    """A user of whom nothing is kept any more, and how many events there were."""

    user: str
    events: int


EXAMPLES: dict[str, Any] = {
    "view": {"kind": "view", "user": "u1", "item": "Alien (1979)"},
    "click": {"kind": "click", "user": "u1", "item": 183, "model": "movielens-recommender"},
    "purchase": {"id": "order-17-1", "kind": "purchase", "user": "u1", "item": 89},
    "rating": {"kind": "rating", "user": "u1", "item": "Blade Runner (1982)", "value": 5},
    "thumb": {"kind": "thumb", "request": "e2e4b21e79b36ebc1ad613dbdb2952a8", "up": False, "comment": "too long"},
    "correction": {"kind": "correction", "request": "e2e4b21e79b36ebc1ad613dbdb2952a8", "expected": "positive"},
}
EXAMPLES["several"] = [EXAMPLES["view"], EXAMPLES["rating"]]
