"""The one place where errors become HTTP, in the one envelope that every client we support reads."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app import errors

STATUS: dict[type[errors.ServiceError], int] = {
    errors.InvalidInput: 422,
    errors.PayloadTooLarge: 413,
    errors.UnsupportedEncoding: 415,
    errors.Unauthorized: 401,
    errors.KeysUnreadable: 503,
    errors.Forbidden: 403,
    errors.ModelNotFound: 404,
    errors.JobNotFound: 404,
    errors.JobsUnavailable: 503,
    errors.ModelNotReady: 503,
    errors.Overloaded: 429,
    errors.DeadlineExceeded: 504,
    errors.EventsUnavailable: 503,
    errors.EventsOff: 501,
    errors.InvalidArtifact: 409,
    errors.NotWritable: 503,
    errors.InferenceFailed: 500,
    errors.ServiceError: 500,
}

Sent = TypeVar("Sent", bound=BaseModel)
Tell = Callable[[Request, errors.ServiceError], Awaitable[Response]]
"""Answers an error as clients of one dialect read it."""

MOST_DETAILS = 20  # a body may have thousands of faults, and nobody reads more
CLIENT_GONE = 499  # nginx's word for it: for the log and the metrics; nobody reads the answer
LONGEST_MESSAGE = 2000  # what a caller sent is repeated in some, and may be long


class ErrorDetail(BaseModel):
    """One fault: `loc` is the path to it in the request."""

    loc: list[str | int]
    msg: str


class ErrorEnvelope(BaseModel):
    """The body of every response whose status is not 2xx."""

    error: str
    error_type: str
    request_id: str
    details: list[ErrorDetail] = []


Shape = Callable[[ErrorEnvelope, int, Mapping[str, str]], Response]
"""Answers an error, with a status and headers, in the form that the clients of one dialect read."""


IsClient = Callable[[Request], bool]
"""Whether a client of one dialect has sent a request."""


def flat(error: ErrorEnvelope, status: int, headers: Mapping[str, str]) -> Response:
    return JSONResponse(error.model_dump(exclude=set() if error.details else {"details"}), status, headers)


class Shapes:
    """The shape of errors by the path of a request, also where there is no route, or the request came to none."""

    def __init__(self, below: Mapping[str, Shape], shared: Mapping[str, tuple[IsClient, Shape]]) -> None:
        """`below` has the beginnings of paths, each with the shape at it and below it; `shared` those that clients of
        several dialects ask, each with the shape for one kind of them."""
        self._below = dict(below)
        self._shared = dict(shared)

    def of(self, request: Request) -> Shape:
        path = f"{request.scope['path']}/"
        for start, shape in self._below.items():
            if path.startswith(f"{start}/"):
                return shape
        for start, (is_client, shape) in self._shared.items():
            if path.startswith(f"{start}/") and is_client(request):
                return shape
        return flat


def in_words(request_id: str, error: errors.ServiceError, message: str) -> ErrorEnvelope:
    """Return what is told of an error, with `message`."""
    details = [ErrorDetail.model_construct(**one) for one in error.details]
    return ErrorEnvelope.model_construct(
        error=message[:LONGEST_MESSAGE], error_type=type(error).__name__, request_id=request_id, details=details
    )


def envelope(
    request: Request,
    status: int,
    error: str,
    error_type: str,
    details: Sequence[errors.Detail] = (),
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    told = ErrorEnvelope.model_construct(
        error=error[:LONGEST_MESSAGE],
        error_type=error_type,
        request_id=request.state.request_id,
        details=[ErrorDetail.model_construct(**one) for one in details],
    )
    shapes: Shapes | None = request.scope["state"].get("shapes")
    return (shapes.of(request) if shapes else flat)(told, status, headers)


def faults_of(error: ValidationError) -> list[Any]:
    """Return what is wrong, as pydantic tells it, and nothing of what was validated."""
    # A validator's exception, in the context, leads to the frames of its callers, one of which would hold this list:
    # such a circle keeps the whole body in memory until somebody looks for circles.
    return error.errors(include_url=False, include_input=False, include_context=False)


def invalid_input(faults: Sequence[Any]) -> errors.InvalidInput:
    """Return pydantic's faults as ours."""
    return errors.InvalidInput.of([{"loc": _place(one["loc"]), "msg": _message(one)} for one in faults])


def validated(schema: type[Sent], values: Any, *loc: str | int) -> Sent:
    """Return an object of `schema`. Raises InvalidInput, with `loc` before the places of its faults."""
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        found = invalid_input(faults_of(error))
        raise found.under(*loc) if loc else found from None


def _place(loc: Sequence[str | int]) -> list[str | int]:
    # After a name that is none pydantic puts a mark of its own.
    return list(loc[:-1] if len(loc) > 1 and loc[-1] == "[key]" else loc)


# Bodies are parsed before they are validated, and then pydantic names what is missing in Python's words.
IN_JSON = {
    "model_type": "Input should be an object",
    "dict_type": "Input should be an object",
    "list_type": "Input should be a valid array",
    "none_required": "Input should be null",
}


def _message(one: Any) -> str:
    # Our own validators raise ValueError; pydantic puts a prefix before what they say.
    return IN_JSON.get(one["type"]) or str(one["msg"]).removeprefix("Value error, ")


def status_of(error: errors.ServiceError, table: Mapping[type[errors.ServiceError], int]) -> int:
    """Return the status of the nearest class that the table names: that of the error, or one that it inherits from."""
    return next(table[kind] for kind in type(error).__mro__ if kind in table)


def named(state: Mapping[str, Any]) -> str:
    """A request as the log names it: by its id, and by its key if it came with one."""
    return f"{state['request_id']} of {state['key']}" if "key" in state else str(state["request_id"])


async def on_service_error(request: Request, error: errors.ServiceError) -> Response:
    return told(request, error, STATUS, str(error))


def told(
    request: Request,
    error: errors.ServiceError,
    table: Mapping[type[errors.ServiceError], int],
    message: str,
    error_type: str | None = None,
) -> Response:
    """Answer `error` in the envelope, with the status that `table` has for it and with `message`."""
    headers = {}
    if isinstance(error, errors.Overloaded | errors.EventsUnavailable):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    elif isinstance(error, errors.Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, errors.UnsupportedEncoding):
        headers["Accept-Encoding"] = "gzip, deflate"
    return envelope(
        request,
        status_of(error, table),
        message,
        error_type or type(error).__name__,
        error.details[:MOST_DETAILS],
        headers,
    )


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer what the router refused: an unknown path, or a method that is not allowed."""
    assert isinstance(error, HTTPException)
    status, message = error.status_code, str(error.detail)
    headers = dict(error.headers or {})
    if status == 404:
        message = f"there is nothing at {request.url.path:.200}; the routes are listed at /docs"
    elif status == 405:
        message = f"{request.method} is not allowed here"
        if headers.get("Allow") == "GET":
            headers["Allow"] = "GET, HEAD"
    error_type = HTTPStatus(status).phrase.title().replace(" ", "")
    return envelope(request, status, message, error_type, headers=headers)


async def on_bug(request: Request, error: BaseException) -> Response:
    """Says nothing of the cause: whoever catches the error outside logs it."""
    return envelope(request, 500, "internal error; the log has the reason", "InternalError")


async def on_client_gone(request: Request, error: Exception) -> Response:
    """Whoever asked hung up, while the body arrived or before the answer was there."""
    return Response(status_code=CLIENT_GONE)


def install(app: FastAPI, tells: Mapping[str, Tell]) -> None:
    """`tells` says by the path of a route how its errors are told."""

    def tell_of(request: Request) -> Tell:
        return tells.get(getattr(request.scope.get("route"), "path", ""), on_service_error)

    async def on_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, errors.ServiceError)
        return await tell_of(request)(request, error)

    async def on_validation_error(request: Request, error: Exception) -> Response:
        """Answer what FastAPI itself refused, such as a version in the path that is no number."""
        assert isinstance(error, RequestValidationError)
        return await tell_of(request)(request, invalid_input(error.errors()))

    app.add_exception_handler(ClientDisconnect, on_client_gone)
    app.add_exception_handler(Exception, on_bug)
    app.add_exception_handler(errors.ServiceError, on_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_error)
