"""The one table from the statuses of HTTP to those of gRPC (https://grpc.io/docs/guides/status-codes/)."""

import math
from urllib.parse import quote

import grpc
from pydantic_core import from_json
from starlette.datastructures import Headers

from app.api.errors import CLIENT_GONE, status_of
from app.api.grpc.inside import Answer
from app.api.v2.errors import V2_STATUS
from app.errors import Overloaded, ServiceError

CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    409: grpc.StatusCode.FAILED_PRECONDITION,  # a version that must not be served
    413: grpc.StatusCode.INVALID_ARGUMENT,  # not RESOURCE_EXHAUSTED, which says that it may be sent again
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    CLIENT_GONE: grpc.StatusCode.CANCELLED,
    500: grpc.StatusCode.INTERNAL,
    501: grpc.StatusCode.UNIMPLEMENTED,  # what this service was told not to offer
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
RETRY_AFTER = "retry-after"
TOLD = (
    RETRY_AFTER,
    "cache-status",
    "ratelimit",
    "ratelimit-policy",
    "server-timing",
    "x-answered-by",
    "x-generated",
    "x-model-version",
    "x-request-id",
)
MOST_ENCODED = 4_000  # bytes of a message as it is sent: clients read trailers of 8 kB


class Failed(Exception):
    """A call that ends with a status other than OK."""

    def __init__(self, code: grpc.StatusCode, message: str, trailers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.trailers = trailers

    @classmethod
    def by_answer(cls, answer: Answer) -> "Failed":
        envelope = from_json(b"".join(answer.body) or b"{}")
        return cls(code_of(answer.status), shortened(str(envelope.get("error", ""))), trailers_of(answer.headers))

    @classmethod
    def by_error(cls, error: ServiceError) -> "Failed":
        after = ((RETRY_AFTER, str(math.ceil(error.retry_after_s))),) if isinstance(error, Overloaded) else ()
        return cls(code_of(status_of(error, V2_STATUS)), shortened(str(error)), after)


def code_of(status: int) -> grpc.StatusCode:
    return CODES.get(status, grpc.StatusCode.UNKNOWN)


def shortened(message: str) -> str:
    """Return as much of a message as can be sent; what is not ASCII is sent in up to twelve bytes a character."""
    while len(quote(message)) > MOST_ENCODED:
        message = message[: len(message) * 3 // 4]
    return message


def trailers_of(headers: Headers) -> tuple[tuple[str, str], ...]:
    return tuple((name, headers[name]) for name in TOLD if name in headers)
