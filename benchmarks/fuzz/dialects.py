"""The forms of failures and streams by the path that was asked: the table that every answer is judged by."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from benchmarks.fuzz.asked import Asked

Failure = tuple[str, str | None]
"""The words of a failure, and the id of its request, where the form has one."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """`failure` reads the body of a failure, and `broken` the event that ends a stream with one; None if it is none.

    A stream `is_done` by `data: [DONE]`, or `is_named`: each event has a name and a number. No other status than
    `wrong_input` is for input that cannot be used.
    """

    failure: Callable[[Any], Failure | None]
    broken: Callable[[Any], Failure | None]
    wrong_input: int = 422
    is_done: bool = False
    is_named: bool = False


def flat(body: Any) -> Failure | None:
    is_one = isinstance(body, dict) and {"error", "error_type", "request_id"} <= body.keys()
    return (body["error"], body["request_id"]) if is_one and isinstance(body["error"], str) else None


def openai(body: Any) -> Failure | None:
    inside = body.get("error") if isinstance(body, dict) else None
    if not isinstance(inside, dict) or inside.keys() != {"message", "type", "param", "code", "request_id"}:
        return None
    return (inside["message"], inside["request_id"]) if isinstance(inside["message"], str) else None


def bare(body: Any) -> Failure | None:
    """As Triton's servers break off a stream."""
    is_one = isinstance(body, dict) and body.keys() == {"error"} and isinstance(body["error"], str)
    return (body["error"], None) if is_one else None


NATIVE = Dialect(flat, flat, is_done=True)
TGI = Dialect(flat, flat)
TRITON = Dialect(flat, bare, wrong_input=400)
OPENAI = Dialect(openai, openai, wrong_input=400, is_done=True)
RESPONSES = Dialect(openai, openai, wrong_input=400, is_named=True)

# The first that matches holds.
DIALECTS: tuple[tuple[str, Dialect], ...] = (
    (r"/v1/responses(/|$)", RESPONSES),
    (r"/v1/(chat/completions|completions|embeddings)(/|$)", OPENAI),
    (r"/hf/", TGI),
    (r"/v2(/|$)", TRITON),
    (r"", NATIVE),
)


def dialect_of(asked: Asked) -> Dialect:
    path = unquote(re.split(r"[?#]", asked.path, maxsplit=1)[0])
    return next(dialect for start, dialect in DIALECTS if re.match(start, path))


def fault_of_stream(body: bytes, dialect: Dialect) -> str | None:
    """Return what is wrong with a stream of events, in words; None if nothing is."""
    if not body.endswith(b"\n\n"):
        return "a stream that was cut"
    events = [event for event in body.decode().split("\n\n") if event and not event.startswith(":")]
    if dialect.is_done and (not events or events.pop() != "data: [DONE]"):
        return "a stream without its end"
    told = []
    for number, event in enumerate(events):
        name, _, data = event.rpartition("\n")
        if not data.startswith("data: ") or not re.fullmatch(r"(event: [a-z_.]+)?", name):
            return "an event that is none"
        try:
            told.append(json.loads(data.removeprefix("data: "), parse_constant=_refuse))
        except ValueError:
            return "an event that is not JSON"
        if dialect.is_named and (told[-1].get("type"), told[-1].get("sequence_number")) != (
            name.removeprefix("event: "),
            number,
        ):
            return "an event of another name or number"
    if not told:
        return "a stream without events"
    broken = [at for at, one in enumerate(told) if "error" in one and one["error"] is not None]
    if broken and (broken != [len(told) - 1] or dialect.broken(_without_names(told[-1], dialect)) is None):
        return "a stream that breaks off in another form"
    return None


def _without_names(event: Any, dialect: Dialect) -> Any:
    return {"error": event["error"]} if dialect.is_named else event


def _refuse(constant: str) -> None:
    raise ValueError(constant)
