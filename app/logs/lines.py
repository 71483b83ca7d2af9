"""The two forms of a log line, as text and as JSON.

Whatever a request or a file puts into them, JSON is valid, and text is printable; no line can pass for two.
"""

import json
import logging
import time
import traceback
from functools import lru_cache
from logging import LogRecord
from typing import Literal, NamedTuple, Protocol

LogFormat = Literal["text", "json"]
ACCESS = "app.access"
MOST_CHARACTERS = 16_000  # of one line: the lines that wait for a slow reader are held in memory


class AccessRecord(NamedTuple):
    """One request that was answered. `route` is its pattern, and nothing in here is what a caller invented."""

    at: float
    """In seconds since 1970."""
    request_id: str
    method: str
    route: str
    model: str
    """Empty if the request asked none that there is."""
    version: str
    """Of the model, empty if none answered."""
    status: int
    seconds: float
    received: int
    """Bytes of the body that were read."""
    sent: int
    key: str
    """The name of the caller's key, empty without one."""
    trace_id: str = ""
    """Of the trace that its caller named, or that is recorded here; empty without one."""


class LineFormatter(Protocol):
    """The way lines are written; each ends with a line feed."""

    def format(self, record: LogRecord) -> str: ...

    def access(self, one: AccessRecord) -> str: ...


class TextLines(logging.Formatter):
    """Lines for people. Of a line that has more than one, as tracebacks do, the others are indented."""

    def format(self, record: LogRecord) -> str:
        head = f"{_local(record.created)} {record.levelname} {record.name}: {printable(_message(record))}"
        lines = [head[:MOST_CHARACTERS], *(f"    {printable(line)}" for line in _trace(record).splitlines())]
        return "\n".join(lines) + "\n"

    def access(self, one: AccessRecord) -> str:
        named = f" model={one.model}" if one.model else ""
        if one.version:
            named += f" version={one.version}"
        if one.key:
            named += f" key={one.key}"
        if one.trace_id:
            named += f" trace={one.trace_id}"
        return (
            f"{_local(one.at)} INFO {ACCESS}: {one.method} {one.route} {one.status}{named} seconds={one.seconds:.4f} "
            f"received={one.received} sent={one.sent} request={one.request_id}\n"
        )


class JsonLines(logging.Formatter):
    """A JSON object a line, in ASCII."""

    def format(self, record: LogRecord) -> str:
        line = {
            "time": _utc(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record)[:MOST_CHARACTERS],
            **getattr(record, "fields", {}),
        }
        if trace := _trace(record):
            line["trace"] = trace
        return _dumps({name: without_surrogates(one) if isinstance(one, str) else one for name, one in line.items()})

    def access(self, one: AccessRecord) -> str:
        # Not by way of a dictionary, which takes twice as long; an id has no character that JSON escapes.
        return (
            f'{{"time": "{_utc(one.at)}", "level": "INFO", "logger": "{ACCESS}", "request_id": "{one.request_id}", '
            f'"method": {_quoted(one.method)}, "route": {_quoted(one.route)}, "model": {_quoted(one.model)}, '
            f'"version": {one.version or "null"}, "status": {one.status}, "seconds": {one.seconds:.6f}, '
            f'"received": {one.received}, "sent": {one.sent}, "key": {_quoted(one.key)}, '
            f'"trace_id": {_optional(one.trace_id)}}}\n'
        )


FORMS: dict[LogFormat, type[TextLines] | type[JsonLines]] = {"text": TextLines, "json": JsonLines}


def printable(text: str) -> str:
    """`text` with all escaped that a terminal acts on or hides: controls, bidirectional marks, surrogates."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def without_surrogates(text: str) -> str:
    """`text` with lone surrogates escaped, which JSON can spell and many parsers refuse."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _message(record: LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # of arguments that do not fit: a log line must not fail whoever writes it
        return f"{record.msg} (with arguments that do not fit)"


def _trace(record: LogRecord) -> str:
    """The traceback, its last characters if it is long; empty if there is none."""
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    try:
        return "".join(traceback.format_exception(record.exc_info[1]))[-MOST_CHARACTERS:]
    except Exception as error:  # of an exception that cannot say what it is
        return f"{type(record.exc_info[1]).__name__}, which cannot be shown: {type(error).__name__}"


def _dumps(line: dict[str, object]) -> str:
    return json.dumps(line) + "\n"


def _local(at: float) -> str:
    return f"{_second(int(at))},{int(at % 1 * 1000):03d}"


def _utc(at: float) -> str:
    return f"{_utc_second(int(at))}.{int(at % 1 * 1000):03d}Z"


@lru_cache(maxsize=1024)  # routes and names of models come again
def _quoted(name: str) -> str:
    return json.dumps(name or None)


def _optional(digits: str) -> str:
    return f'"{digits}"' if digits else "null"


@lru_cache(maxsize=4)  # lines come almost in the order of time
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


@lru_cache(maxsize=4)  # lines come almost in the order of time
def _utc_second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
