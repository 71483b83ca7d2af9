"""The record of a key: whom it names, how its secret is known again, what it may do and until when."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from app.keys.terms import Rate

Scope = Literal["predict", "read", "events", "metrics", "admin"]

SCOPES: dict[Scope, str] = {
    "predict": "ask models, and have them explain their answers",
    "read": "read what is served: lists, cards, metadata, statistics of models",
    "events": "tell what users did",
    "metrics": "read /metrics, which tells who calls, what and how often",
    "admin": "load and unload models, and change how the service works",
}
EVERYTHING: tuple[Scope, ...] = get_args(Scope)
OF_A_CALLER: tuple[Scope, ...] = ("predict", "read")
"""The scopes of a new key, if nothing else is said."""

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"  # it goes into logs and metrics as it is
BRAND = "tessera_"  # lets scanners find a secret that was published by mistake
START_BYTES = 4  # of chance, written in eight digits: enough to tell keys apart
MODEL = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
START_LENGTH = len(BRAND) + 2 * START_BYTES


def _as(read: Callable[[str], Rate]) -> AfterValidator:
    def check(text: str) -> str:
        read(text)
        return text

    return AfterValidator(check)


class SecretHash(BaseModel):
    """Enough to know a secret again, too little to find it.

    `start` is the secret's first characters, no secret themselves: they tell keys apart and find the one to compare
    with. The rest are 256 random bits, which nobody guesses; so one round of SHA-256 protects them as well as a
    password hash would, and costs a microsecond a request instead of a tenth of a second.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: str = Field(min_length=START_LENGTH, max_length=START_LENGTH)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Replaced(SecretHash):
    """A secret that holds beside the new one, so that callers have time to change."""

    until: AwareDatetime


class Key(SecretHash):
    """The record of a key. What it does not say is as it was before keys had terms: a key may do everything.

    `models` are the only ones that it may use, if there are any. `rate` bounds its requests, `quota` the time in which
    models work for it. `expires` is when it ends.
    """

    name: str = Field(pattern=f"^{NAME}$")
    created: datetime
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)] = EVERYTHING
    models: tuple[Annotated[str, Field(pattern=MODEL)], ...] = ()
    rate: Annotated[str, _as(Rate.of_requests)] | None = None
    quota: Annotated[str, _as(Rate.of_model_seconds)] | None = None
    expires: AwareDatetime | None = None
    replaced: tuple[Replaced, ...] = ()


class KeyList(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid")

    keys: list[Key]
