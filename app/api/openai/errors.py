"""Errors as OpenAI's clients read them."""

from collections.abc import Awaitable, Callable, Mapping
from math import ceil
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.errors import STATUS, ErrorDetail, ErrorEnvelope, status_of, told
from app.api.v1 import paths as v1
from app.errors import Detail, InvalidInput, LimitReached, ModelNotFound, Overloaded, ServiceError

OPENAI_STATUS = {**STATUS, InvalidInput: 400}

INVALID, SERVER = "invalid_request_error", "server_error"
TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: SERVER,
    503: SERVER,
    504: "timeout_error",
}
CODES: Mapping[str, str] = {
    "Unauthorized": "invalid_api_key",
    "ModelNotFound": "model_not_found",
    "Overloaded": "overloaded",
    "LimitReached": "rate_limit_exceeded",
}
TOO_LONG = "context_length_exceeded"  # stands in the message, where LangChain looks for it; others read the code

# The openai client obeys no more than this, and gives up if it is told to wait for longer.
LONGEST_RETRY_AFTER_S = 120
NOT_READY_RETRY_AFTER_S = 5  # a model is loaded within seconds, or not soon

Words = Mapping[str, str]
"""By names in a native request: those in a request of this dialect."""


class OpenAiError(BaseModel):
    """`param` is the path to what is wrong in the request, if one part of it is."""

    message: str
    type: str
    param: str | None
    code: str | None
    request_id: str


class OpenAiFailure(BaseModel):
    """The body of every answer at these paths whose status is not 200."""

    error: OpenAiError


def shape(error: ErrorEnvelope, status: int, headers: Mapping[str, str]) -> Response:
    """Answer an error in the form of this dialect."""
    # It would fail once more, or nobody waits for it any more: the client, which tries again unasked, is told not to.
    more = {"X-Should-Retry": "false"} if status in (500, 504) else {}
    return JSONResponse(_written(error, status), status, {**headers, **more})


def is_client(request: Request) -> bool:
    """Return whether a client of OpenAI's own making asks: all of them say in what language they are written.

    Where they ask for models, others do, too, and each shows an error only in its own form.
    """
    return "x-stainless-lang" in request.headers


def telling(words: Words) -> Callable[[Request, ServiceError], Awaitable[Response]]:
    """Return what answers errors of a route whose requests have these names."""

    async def tell(request: Request, error: ServiceError) -> Response:
        error = reworded(error, words)
        reply = told(request, error, OPENAI_STATUS, _message(error))
        if reply.status_code in (429, 503):
            wait_s = error.retry_after_s if isinstance(error, Overloaded) else NOT_READY_RETRY_AFTER_S
            if not isinstance(error, LimitReached):  # a quota may be spent for the day
                wait_s = min(wait_s, LONGEST_RETRY_AFTER_S)
            wait_s = max(wait_s, 0.0)
            reply.headers["Retry-After"] = str(max(1, ceil(wait_s)))
            reply.headers["Retry-After-Ms"] = str(max(1, round(1000 * wait_s)))
        return reply

    return tell


def written(error: ServiceError, words: Words, request_id: str) -> Any:
    """Return an error as JSON, for an answer that has begun."""
    error = reworded(error, words)
    details = [ErrorDetail.model_validate(one) for one in error.details]
    told = ErrorEnvelope(error=_message(error), error_type=type(error).__name__, request_id=request_id, details=details)
    return _written(told, status_of(error, OPENAI_STATUS))


def _written(error: ErrorEnvelope, status: int) -> dict[str, Any]:
    param = ".".join(map(str, error.details[0].loc)) if error.details else ""
    inside = OpenAiError(
        message=error.error,
        type=TYPES.get(status, INVALID),
        param=param or None,
        code=TOO_LONG if TOO_LONG in error.error else CODES.get(error.error_type),
        request_id=error.request_id,
    )
    return {"error": inside.model_dump()}


def reworded(error: ServiceError, words: Words) -> ServiceError:
    """Return the fault of an item or a parameter as one of what the caller wrote, as which others stay."""
    if not isinstance(error, InvalidInput) or not error.details:
        return error
    details: list[Detail] = [{"loc": _own_place(one["loc"], words), "msg": one["msg"]} for one in error.details]
    return error if details == error.details else type(error).of(details)


def _own_place(loc: list[str | int], words: Words) -> list[str | int]:
    if len(loc) < 2:  # an argument of that name, which nobody knows
        return loc
    if loc[0] == "inputs":
        # Several choices are several items; only where each item is written for itself does its number mean something.
        loc = [words["inputs"], loc[1]] if "inputs" in words else loc[2:]
    elif loc[0] == "parameters":
        loc = loc[1:]
    else:
        return loc
    for length in (2, 1):  # a word may stand for a member, too
        if (own := words.get(".".join(map(str, loc[:length])))) is not None:
            return [own, *loc[length:]]
    return loc


def _message(error: ServiceError) -> str:
    has_more = isinstance(error, ModelNotFound) and error.has_more
    return f"{error}; GET {v1.MODELS} lists all" if has_more else str(error)
