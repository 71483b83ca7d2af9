"""Rules for every answer, whatever was asked."""

import json

from benchmarks.fuzz.asked import Answer, Asked
from benchmarks.fuzz.dialects import Dialect, dialect_of, fault_of_stream, flat

# 500 is never right, nor is any other that a caller cannot act on.
INPUT = {400, 422}  # statuses of input that cannot be used: each dialect has one of them
FINE = {200, 206, 304}
THEIRS = {400, 401, 403, 404, 405, 406, 408, 409, 411, 413, 414, 415, 416, 417, 421, 422, 426, 429, 431, 501, 503, 504}


def fault_of(asked: Asked, answer: Answer) -> str | None:
    """Return what is wrong with an answer, in words; None if nothing is."""
    if answer.status == 0:
        return "the connection was closed without an answer"
    if answer.status not in FINE | THEIRS:
        return f"status {answer.status}"
    if not answer.headers.get("x-request-id"):
        return f"{answer.status} without X-Request-Id"
    if asked.method == "HEAD":
        return "a body in the answer to HEAD" if answer.body else None
    dialect = dialect_of(asked)
    return _fault_of_failure(answer, dialect) if answer.status >= 400 else _fault_of_success(answer, dialect)


def _fault_of_failure(answer: Answer, dialect: Dialect) -> str | None:
    try:
        envelope = json.loads(answer.body)
    except ValueError:
        return f"{answer.status} without an envelope"
    # What is no request of HTTP has no path, and ends its connection.
    is_unread = answer.headers.get("connection") == "close" and flat(envelope) is not None
    if (told := flat(envelope) if is_unread else dialect.failure(envelope)) is None:
        return f"{answer.status} with another envelope"
    reason, request_id = told
    if not reason:
        return f"{answer.status} without a reason"
    if request_id != answer.headers["x-request-id"]:
        return f"{answer.status} with two ids"
    if answer.status in INPUT and answer.status != dialect.wrong_input and not is_unread:
        return f"{answer.status} where {dialect.wrong_input} is said"
    if any(sign in reason for sign in ("Traceback", "/site-packages/", ".py:", "/home/")):
        return f"{answer.status} that quotes our code"
    return "an envelope over 20 kB" if len(answer.body) > 20_000 else None


def _fault_of_success(answer: Answer, dialect: Dialect) -> str | None:
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        return fault_of_stream(answer.body, dialect)
    if (
        answer.headers.get("content-type", "").startswith("application/json")
        and "content-encoding" not in answer.headers
    ):
        try:
            json.loads(answer.body, parse_constant=_refuse)
        except ValueError:
            return f"{answer.status} that is not JSON"
    return None


def _refuse(constant: str) -> None:
    raise ValueError(constant)
