"""Predictions by typed items: the native dialect's busiest route, and what other dialects share with it."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from pydantic_core import to_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.api.http.aside import QUICK_BYTES, Aside
from app.api.http.callers import caller_of
from app.api.http.deadline import deadline_of
from app.api.http.disconnect import ClientGone, while_connected
from app.api.http.limits import Limits
from app.api.http.pieces import respond_with
from app.api.http.routes import Handler
from app.api.v1.bodies import is_raw, read_items, whole_body
from app.errors import DeadlineExceeded, InvalidInput
from app.repository.manifest import Manifest
from app.serving.engine import Engine, Inference, Prediction
from app.tasks import TASKS
from app.tasks.base import Task
from app.tasks.json_pieces import array_of


class Question(NamedTuple):
    """Typed items and parameters, how their answer is written, and of which task they are, if not of the model's."""

    items: list[Any]
    parameters: Any
    respond: Callable[[Prediction], Awaitable[Response]]
    task: str | None = None


def predict_handlers(engine: Engine, limits: Limits, aside: Aside) -> dict[str, Handler]:
    async def read(request: Request, body: bytes, manifest: Manifest) -> Question:
        task, own = TASKS[manifest.task], aside.of(caller_of(request))
        items, parameters = await own.read(
            lambda: read_items(request, body, task, limits.max_items, limits.json),
            is_quick=len(body) <= QUICK_BYTES or is_raw(request, body, task),
        )
        if wants_bytes(request, task, len(items)):
            return Question(items, parameters, respond_bytes)
        return Question(items, parameters, partial(respond, own, task))

    async def predict(request: Request, names: dict[str, str]) -> Response:
        return await ask(engine, limits, request, names["model"], version_of(names), read)

    return {"/v1/models/{model}/predict": predict, "/v1/models/{model}/versions/{version}/predict": predict}


async def ask(
    engine: Engine,
    limits: Limits,
    request: Request,
    model: str,
    version: int | None,
    read: Callable[[Request, bytes, Manifest], Awaitable[Question]],
) -> Response:
    """Read a question for a model and answer it, by the deadline of the request and for as long as its client waits."""
    deadline = asyncio.get_running_loop().time() + deadline_of(request, limits.request_timeout_s)
    manifest = engine.find(model, version)
    try:
        body = await body_by(deadline, request)
        async with while_connected(request), asyncio.timeout_at(deadline):
            question = await read(request, body, manifest)
            del body  # what was read of it is in the question
            prediction = await engine.predict(
                model,
                version,
                question.items,
                question.parameters,
                deadline,
                question.task,
                manifest,
                caller_of(request),
            )
            return await question.respond(prediction)
    except TimeoutError:
        raise DeadlineExceeded("the deadline passed before the answer was ready") from None
    except (ClientGone, ClientDisconnect):
        return Response(status_code=499)  # for the metrics; nobody reads it


async def body_by(deadline: float, request: Request) -> bytes:
    """Return the body. Raises DeadlineExceeded, ClientDisconnect and PayloadTooLarge."""
    try:
        async with asyncio.timeout_at(deadline):
            return await whole_body(request)
    except TimeoutError:
        raise DeadlineExceeded("the deadline passed before the whole body had arrived") from None


async def respond(aside: Aside, task: type[Task], prediction: Prediction) -> Response:
    """What …/predict and …/explain answer, as their schema says."""
    manifest = prediction.manifest
    pieces = chain(
        [b'{"model":%b,"version":%d,"outputs":' % (to_json(manifest.name), manifest.version)],
        array_of(task.written(output) for output in prediction.outputs),
        [b"}"],
    )
    return await respond_with(aside, pieces, "application/json", headers_of(prediction))


def wants_bytes(request: Request, task: type[Task], num_items: int) -> bool:
    """Whether the answer is to be the file itself: Accept names its type, and does not name JSON before."""
    if task.binary_answer is None:
        return False
    media_type = task.binary_answer[1]
    wanted = (media_type, media_type.partition("/")[0] + "/*")
    ranges = [each.partition(";")[0].strip().lower() for each in request.headers.get("accept", "").split(",")]
    if next((each for each in ranges if each in (*wanted, "application/json")), None) not in wanted:
        return False
    if num_items != 1:
        raise InvalidInput(f"an answer that is {media_type} has room for one input; there are {num_items}").under(
            "inputs"
        )
    return True


async def respond_bytes(prediction: Prediction) -> Response:
    binary_answer = TASKS[prediction.manifest.task].binary_answer
    assert binary_answer
    field, media_type = binary_answer
    return Response(getattr(prediction.outputs[0], field), media_type=media_type, headers=headers_of(prediction))


def headers_of(prediction: Prediction) -> dict[str, str]:
    return {"X-Model-Version": str(prediction.manifest.version), "Server-Timing": server_timing(prediction)}


def server_timing(prediction: Prediction | Inference) -> str:
    """Where the time went, in milliseconds; browsers show it (W3C Server Timing)."""
    timing = prediction.timing
    return (
        f"preprocess;dur={1000 * timing.preprocess_s:.2f}, queue;dur={1000 * timing.queue_s:.2f}, "
        f'batch;desc="{timing.batch}", inference;dur={1000 * timing.inference_s:.2f}, '
        f"postprocess;dur={1000 * timing.postprocess_s:.2f}"
    )


def version_of(names: dict[str, str]) -> int | None:
    version = names.get("version")
    if version is None:
        return None
    if not version.isascii() or not version.isdecimal() or len(version) > 18:
        raise InvalidInput(f"a version is a positive whole number, not {version!r:.40}").under("path", "version")
    return int(version)
