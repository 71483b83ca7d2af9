"""The one way to ask a model, whatever dialect the question is in."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from app.api.given import Given
from app.api.http.aside import Aside
from app.api.http.askers import asker_of
from app.api.http.callers import caller_of
from app.api.http.deadline import deadline_of
from app.api.http.disconnect import while_connected
from app.api.http.events import PING_S, Ahead, EventStream, Written
from app.api.traced import traced
from app.api.users import followed
from app.errors import DeadlineExceeded, InvalidInput
from app.serving.answer_store import Reuse
from app.serving.engine import Ask, Prediction, Served

GENERATED = "X-Generated"  # the model and version whose text an answer is, which nobody has verified
ANSWERED_BY = "X-Answered-By"  # steps of a cascade, each with the number of items that it answered
LEAST_PRIORITY = "least_priority"  # in the state of a request that a batch job puts: others go before it
MOST_DIGITS = 18  # of a version: as many as always fit 64 bits


class Question(NamedTuple):
    """A request for one view, and the way in which its answer is written.

    `items` are what the view of that name takes. `within_s` counts from when the request arrived, where its body says
    that and not its headers.
    """

    view: str
    items: Sequence[Any]
    parameters: Any
    respond: Callable[[Prediction], Awaitable[Response]]
    priority: int = 0
    within_s: float | None = None
    written: Written[Prediction] | None = None


Read = Callable[[Request, bytes, Served, Aside], Awaitable[Question]]
"""Reads a body for the version that is served; what takes long in threads, where each caller has a share."""


class Addressed(NamedTuple):
    """A question, and the version for which it was read; `version` is the one that was asked for, if any was."""

    served: Served
    question: Question
    version: int | None = None


ReadAddressed = Callable[[Request, bytes, Aside], Awaitable[Addressed]]
"""Reads a body that itself says of which model it is a question."""


async def ask(given: Given, read: Read, request: Request, names: dict[str, str]) -> Response:
    """Read a question for the model in the path, and answer it."""
    version = version_of(names)
    served = request.scope["served"] = given.engine.find(names["model"], version, asker_of(request))

    async def read_for(request: Request, body: bytes, aside: Aside) -> Addressed:
        return Addressed(served, await read(request, body, served, aside), version)

    return await ask_addressed(given, read_for, request, served.contract.timeout_s)


async def ask_addressed(
    given: Given, read: ReadAddressed, request: Request, timeout_s: float | None = None
) -> Response:
    """Read a question and answer it, by the deadline of the request and for as long as its client waits.

    The deadline is `timeout_s` from now for whoever names none, or else that of any request.
    """
    clock = asyncio.get_running_loop().time
    arrived = clock()
    deadline = arrived + deadline_of(request, timeout_s or given.limits.request_timeout_s)
    caller = caller_of(request)
    missing = "the whole body had arrived"
    try:
        with given.deadlines.until(deadline) as timer:
            body = await _whole_body(request)
            missing = "the answer was ready"
            async with while_connected(request):
                await given.rounds.step(caller)
                served, question, version = await read(request, body, given.aside.of(caller))
                del body  # what was read of it is in the question
                if question.within_s is not None:
                    deadline = arrived + question.within_s
                items = await followed(given.events, served.manifest.name, question.items)
                timer.hold()  # the engine keeps the deadline itself, and counts whom it was too late for
                asked = _asked(request, served, version, question._replace(items=items), deadline - clock(), caller)
                is_generated = question.view in served.contracts and served.contracts[question.view].is_generated
                engine = traced(given.engine, request.scope["state"]["trace"])
                if question.written is not None:
                    return await _stream(engine.stream(asked), question.written, is_generated)
                prediction = await engine.predict(asked)
                timer.reschedule(deadline)
                if given.kept is not None:
                    given.kept.answered(asked, served.contracts.get(question.view), prediction, given.aside.of(caller))
                await given.rounds.step(caller)
                respond = question.respond
                del question  # what was asked may be as large as the answer, which is now written
                response = await respond(prediction)
                if is_generated:
                    response.headers[GENERATED] = author_of(prediction)
                return response
    except TimeoutError:
        raise DeadlineExceeded(f"the deadline passed before {missing}") from None


def _asked(
    request: Request, served: Served, version: int | None, question: Question, within_s: float, caller: str
) -> Ask:
    return Ask(
        served.manifest.name,
        version,
        question.view,
        question.items,
        question.parameters,
        within_s,
        max(question.priority, request.scope["state"].get(LEAST_PRIORITY, 0)),
        caller,
        request.scope["state"]["request_id"],
        served.forms[question.view],
        chosen=served.manifest.version if version is None else None,
    )


async def _stream(
    stream: AsyncGenerator[Prediction, None], written: Written[Prediction], is_generated: bool
) -> Response:
    """Return the answer once its first piece has come, so that a refusal has its status; or after a while without."""
    pieces = Ahead(stream)
    try:
        first = pieces.look() if await pieces.has_come(PING_S) else None
    except BaseException:
        await pieces.close()
        raise
    headers = headers_of(first) if first else {}
    if first and is_generated:
        headers[GENERATED] = author_of(first)
    return EventStream(pieces, written, headers)


async def _whole_body(request: Request) -> bytes:
    """Return the body. Unlike `request.body()`, keep no second reference to it: it can be freed once it is read."""
    return b"".join([chunk async for chunk in request.stream()])


def version_of(names: dict[str, str]) -> int | None:
    version = names.get("version")
    if version is None:
        return None
    if not version.isascii() or not version.isdecimal() or len(version) > MOST_DIGITS:
        raise InvalidInput(f"a version is a positive whole number, not {version!r:.40}").under("path", "version")
    return int(version)


def author_of(prediction: Prediction) -> str:
    return f"{prediction.model}@{prediction.version}"


def headers_of(prediction: Prediction) -> dict[str, str]:
    """Return headers that tell which version answered, and the milliseconds of each stage (W3C Server Timing)."""
    timing = prediction.timing
    spent = (
        f"preprocess;dur={1000 * timing.preprocess_s:.2f}, queue;dur={1000 * timing.queue_s:.2f}, "
        f'batch;desc="{timing.rows}x{timing.length}", inference;dur={1000 * timing.inference_s:.2f}, '
        f"postprocess;dur={1000 * timing.postprocess_s:.2f}"
    )
    for step, took in prediction.steps:
        spent += f", {step};dur={1000 * took.whole_s:.2f}"
    headers = {"X-Model-Version": str(prediction.version), "Server-Timing": spent}
    if prediction.answered_by:
        headers[ANSWERED_BY] = ", ".join(f"{step};items={n}" for step, n in Counter(prediction.answered_by).items())
    if prediction.reuse:
        headers["Cache-Status"] = cache_status(prediction.reuse)
    return headers


def cache_status(reuse: Reuse) -> str:
    """Return where the answers came from (RFC 9211): those of several items are told in the detail."""
    hits, shared, items = reuse
    if hits == items:
        return "tessera; hit"
    status = "tessera; fwd=miss"
    if hits + shared == items:
        status += "; collapsed"  # somebody else's request for the same was waited for
    return f'{status}; detail="{hits} kept, {shared} shared, {items - hits - shared} computed"' if items > 1 else status
