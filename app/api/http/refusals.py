"""Answers to what never became a request: written to the socket as they are, in the one envelope."""

import logging
from http import HTTPStatus

from httptools import HttpParserCallbackError, HttpParserError

from app.api.errors import ErrorEnvelope
from app.api.http.headers import NOT_A_PAGE
from app.api.http.request_id import new_request_id

log = logging.getLogger(__name__)


def refusal(status: HTTPStatus, why: str, *more: tuple[bytes, bytes], has_body: bool = True) -> bytes:
    """Return a whole answer after which the connection is closed; one to HEAD has no body. The log has its id, too."""
    request_id = new_request_id()
    log.info("request %s was refused before it was read: %d, %s", request_id, status, why)
    error_type = status.phrase.title().replace(" ", "")
    body = ErrorEnvelope(error=why, error_type=error_type, request_id=request_id).model_dump_json(exclude={"details"})
    content = body.encode()
    headers = [
        *NOT_A_PAGE,
        *more,
        (b"x-request-id", request_id.encode()),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"connection", b"close"),
    ]
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode(), *(b": ".join(header) for header in headers)]
    return b"\r\n".join([*lines, b"", content if has_body else b""])


def fault_of(error: HttpParserError) -> tuple[HTTPStatus, str]:
    """Return the status and the reason for what the parser found wrong, or uvicorn, which reads the target for it."""
    why = "its target cannot be read" if isinstance(error, HttpParserCallbackError) else str(error)
    return HTTPStatus.BAD_REQUEST, f"this is no request of HTTP/1.1: {why}"
