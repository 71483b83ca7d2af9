"""Everything that can go wrong, as one tree.

TesseraError
├── BadRequest           400, and whatever 4xx has no class of its own: the request cannot be used as it was sent
│   ├── InvalidInput     422: an input cannot be used; `details` say which and why
│   │   └── PayloadTooLarge  413
│   ├── NotAllowed       405: the path is there, and not for this method
│   ├── NotReadable      415: the body is of a type, or in an encoding, that the service does not read
│   └── HeadersTooLarge  431
├── Unauthorized         401: a key is needed, and a known one did not come
├── Forbidden            403: whoever asks, it may not be asked from there
├── ModelNotFound        404: no such model or version
├── InvalidArtifact      409: a version failed its checks; the one before stays live
├── Overloaded           429: it would not have been answered in time, as often as it was tried
├── NotOffered           501: this service keeps no events
├── NotReady             503: the model is being loaded, the database is away, or the service is stopping
├── DeadlineExceeded     504 or 408, or no answer within the caller's own time
├── InferenceFailed      500: the model failed on this input
└── Unreachable          no connection, or one that broke
"""

from collections.abc import Sequence
from typing import Any

import httpx
from pydantic import BaseModel, ValidationError


class Detail(BaseModel):
    """One fault of a request: `loc` is the path to it, for example ["inputs", 2, "text"]."""

    loc: list[str | int]
    msg: str


class TesseraError(Exception):
    """`status` is 0 if there was no answer; with `request_id` the service's log tells more."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        error_type: str = "",
        request_id: str = "",
        details: Sequence[Detail] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.request_id = request_id
        self.details = list(details)


class BadRequest(TesseraError):
    pass


class InvalidInput(BadRequest):
    pass


class PayloadTooLarge(InvalidInput):
    pass


class NotAllowed(BadRequest):
    pass


class NotReadable(BadRequest):
    pass


class HeadersTooLarge(BadRequest):
    pass


class Unauthorized(TesseraError):
    pass


class Forbidden(TesseraError):
    pass


class ModelNotFound(TesseraError):
    pass


class InvalidArtifact(TesseraError):
    pass


class Overloaded(TesseraError):
    pass


class NotOffered(TesseraError):
    pass


class NotReady(TesseraError):
    pass


class DeadlineExceeded(TesseraError):
    pass


class InferenceFailed(TesseraError):
    pass


class Unreachable(TesseraError):
    pass


BY_STATUS: dict[int, type[TesseraError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: ModelNotFound,
    405: NotAllowed,
    408: DeadlineExceeded,
    409: InvalidArtifact,
    413: PayloadTooLarge,
    415: NotReadable,
    422: InvalidInput,
    429: Overloaded,
    431: HeadersTooLarge,
    500: InferenceFailed,
    501: NotOffered,
    503: NotReady,
    504: DeadlineExceeded,
}


def kind_of(status: int) -> type[TesseraError]:
    """Return the class of an answer that is no success."""
    return BY_STATUS.get(status, BadRequest if 400 <= status < 500 else TesseraError)


class _Envelope(BaseModel):
    error: str
    error_type: str = ""
    request_id: str = ""
    details: list[Detail] = []


def error_of(response: httpx.Response) -> TesseraError:
    """Return what a failed answer says; if it is not from the service, such as a proxy's page, its beginning."""
    kind = kind_of(response.status_code)
    try:
        said = _Envelope.model_validate_json(response.content)
    except ValidationError:
        beginning = " ".join(response.text[:200].split())
        return kind(f"HTTP {response.status_code} {response.reason_phrase}: {beginning}", status=response.status_code)
    fields: dict[str, Any] = said.model_dump(include={"error_type", "request_id"})
    return kind(said.error, status=response.status_code, details=said.details, **fields)
