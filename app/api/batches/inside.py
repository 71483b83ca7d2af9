"""Lines that are whole requests, put to the application from inside: as if a client had sent them, and far cheaper."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote

from pydantic_core import from_json, to_json
from starlette.types import ASGIApp, Message, Scope

from app.api.ask import LEAST_PRIORITY
from app.api.errors import Shapes
from app.api.http.aside import QUICK_BYTES, Aside
from app.api.http.callers import CALLER
from app.api.http.deadline import HEADER, LONGEST_MS
from app.api.http.request_id import new_request_id
from app.api.media.json_text import JsonLimits, parse
from app.api.openai import paths as openai
from app.api.v1 import paths as v1
from app.errors import DeadlineExceeded, InvalidInput, ModelNotReady, Overloaded, PayloadTooLarge, ServiceError
from app.jobs.asking import LineResult
from app.jobs.jobs import caller_of_job
from app.jobs.line_reader import InputLine
from app.jobs.preparing import METHOD
from app.serving.scheduler import BACKGROUND_LEVEL

ASKED = (
    openai.CHAT,
    openai.COMPLETIONS,
    openai.EMBEDDINGS,
    openai.RESPONSES,
    v1.PREDICT,
    v1.PREDICT_VERSION,
    v1.EXPLAIN,
    v1.EXPLAIN_VERSION,
)
"""The routes that a line may name."""
HEADERS = [(b"content-type", b"application/json"), (HEADER.lower().encode(), b"%d" % LONGEST_MS)]
JSON = b"application/json"

LOOKED_BYTES = 10_000  # at both ends of a line, for its name
MEMBER = rb'\s*+"[^"\\]*+"\s*+:\s*+"[^"\\]*+"\s*+'
NAME_MEMBER = rb'"custom_id"\s*+:\s*+("(?:[^"\\]|\\.)*+")\s*+'
NAMED_FIRST = re.compile(rb"\s*+{(?:%b,){0,9}?\s*+%b" % (MEMBER, NAME_MEMBER))
NAMED_LAST = re.compile(rb"%b(?:,%b){0,9}+}\s*+\Z" % (NAME_MEMBER, MEMBER))


def pattern_of(path: str) -> str:
    """Return the addresses of a route as a regular expression."""
    return "[^/?#]+".join(map(re.escape, re.split(r"{\w+}", path)))


def named(line: bytes, limits: JsonLimits) -> str:
    """Return the custom_id of a line that is an object, empty of one that is too much to be parsed.

    Lines have it before or behind all that is long, but for very few; to parse them for it would keep others waiting.
    """
    found = NAMED_FIRST.match(line, 0, LOOKED_BYTES) or NAMED_LAST.search(line[-LOOKED_BYTES:])
    try:
        return str(from_json(found[1]) if found else parse(line, limits)["custom_id"])
    except PayloadTooLarge:
        return ""


class InsideRequests:
    """Answers the requests of jobs by the application behind keys and bodies, which are those of the job itself."""

    asked = ASKED
    patterns = tuple(pattern_of(path) for path in ASKED)

    def __init__(
        self, app: ASGIApp, shapes: Shapes, body_limit: Callable[[Scope], int], limits: JsonLimits, aside: Aside
    ) -> None:
        self._app = app
        self._shapes = shapes
        self._body_limit = body_limit
        self._limits = limits
        self._aside = aside

    def answers(self, owner: str) -> "RequestAnswers":
        caller = caller_of_job(owner)
        state: dict[str, Any] = {
            "shapes": self._shapes,
            "trace": None,
            LEAST_PRIORITY: BACKGROUND_LEVEL,
            CALLER: caller,
        }
        if owner:
            state["key"] = owner
        return RequestAnswers(self._app, state, self._body_limit, self._limits, self._aside.of(caller))

    @classmethod
    def knows(cls, url: str) -> bool:
        """Whether a line may name this address."""
        return any(re.fullmatch(pattern, url) for pattern in cls.patterns)


class RequestAnswers:
    """Puts the requests of one job, one a line."""

    most_together = 1

    def __init__(
        self,
        app: ASGIApp,
        state: dict[str, Any],
        body_limit: Callable[[Scope], int],
        limits: JsonLimits,
        aside: Aside,
    ) -> None:
        self._app = app
        self._state = state
        self._body_limit = body_limit
        self._limits = limits
        self._aside = aside

    async def answer(self, lines: Sequence[InputLine]) -> list[LineResult]:
        return [await self._answer(line) for line in lines]

    def refused(self, line: InputLine, error: ServiceError) -> LineResult:
        custom_id = named(line.content, self._limits) if line.content else ""
        told = {"code": type(error).__name__, "message": str(error)}
        return _written(custom_id, new_request_id(), b"null", to_json(told), has_failed=True)

    async def _answer(self, line: InputLine) -> LineResult:
        try:
            custom_id, url, body = await self._aside.read(
                lambda: self._read(line), is_quick=len(line.content or b"") <= QUICK_BYTES
            )
        except InvalidInput as error:
            return self.refused(line, error)
        request_id = new_request_id()
        asked = _Asked(url, body, {**self._state, "request_id": request_id}, self._body_limit)
        await self._app(asked.scope, asked.receive, asked.send)
        content = b"".join(asked.parts)
        _raise_if_it_passes(asked.status, asked.headers, content)
        if not asked.headers.get(b"content-type", b"").startswith(JSON):
            return self.refused(line, InvalidInput("the answer is no JSON, and a line has no room for another"))
        response = b'{"status_code":%d,"request_id":%b,"body":%b}' % (
            asked.status,
            to_json(request_id),
            content.replace(b"\n", b" "),
        )
        return _written(custom_id, request_id, response, b"null", has_failed=asked.status != 200)

    def _read(self, line: InputLine) -> tuple[str, str, bytes]:
        """Return custom_id, url and body. Raises InvalidInput and PayloadTooLarge."""
        assert line.content is not None  # or the file would not have come so far
        request = parse(line.content, self._limits)
        body = request["body"]
        if body.get("stream"):
            raise InvalidInput("an answer in a batch comes as a whole: leave stream out").under("body", "stream")
        return request["custom_id"], request["url"], to_json(body)


class _Asked:
    """One request from inside, and its answer."""

    def __init__(self, url: str, body: bytes, state: dict[str, Any], body_limit: Callable[[Scope], int]) -> None:
        self.scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": METHOD,
            "scheme": "http",
            "path": unquote(url),
            "raw_path": url.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": HEADERS,
            "client": None,
            "server": None,
            "state": state,
        }
        self._body: bytes | None = body
        self._body_limit = body_limit
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.parts: list[bytes] = []

    async def receive(self) -> Message:
        if self._body is None:  # nobody hangs up but by cancelling
            await asyncio.get_running_loop().create_future()
        body, self._body = self._body or b"", None
        if len(body) > (limit := self._body_limit(self.scope)):
            raise PayloadTooLarge(f"the body has more than the {limit} bytes that it may have here")
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.lower(): value for name, value in message["headers"]}
        elif message["type"] == "http.response.body":
            self.parts.append(message.get("body", b""))


def _raise_if_it_passes(status: int, headers: dict[bytes, bytes], content: bytes) -> None:
    """Raise what may be asked again later."""
    if status not in (429, 503, 504):
        return
    told = from_json(content).get("error", "")
    message = str(told["message"] if isinstance(told, dict) else told)
    if status == 429:
        raise Overloaded(message, float(headers.get(b"retry-after", b"1")))
    raise (ModelNotReady if status == 503 else DeadlineExceeded)(message)


def _written(custom_id: str, request_id: str, response: bytes, error: bytes, *, has_failed: bool) -> LineResult:
    line = b'{"id":%b,"custom_id":%b,"response":%b,"error":%b}\n'
    return LineResult(line % (to_json(f"batch_req_{request_id}"), to_json(custom_id), response, error), has_failed)
