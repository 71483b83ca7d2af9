"""A limit on what comes before the body of a request, which httptools would collect for ever."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.errors import ErrorEnvelope
from app.api.request_id import new_request_id


def limited_heads(max_bytes: int) -> type[HttpToolsProtocol]:
    """The protocol, for requests whose line and headers have at most `max_bytes` together.

    Others get 431 and lose their connection, at the latest when twice as much has been read.
    """

    class LimitedHeads(HttpToolsProtocol):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._in_head = True
            self._is_too_large = False
            self._reading = 0  # bytes of the read that is being parsed
            self._read = 0  # bytes of all reads that may hold a part of this head
            self._not_ours = 0  # those of them that may be of the request before

        def data_received(self, data: bytes) -> None:
            self._reading = len(data)
            self._read += len(data)
            super().data_received(data)
            if self._in_head and self._read - self._not_ours > max_bytes and not self.transport.is_closing():
                self._is_too_large = True
                self.send_400_response("")

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._in_head = True
            self._read = self._not_ours = self._reading

        def on_headers_complete(self) -> None:
            self._in_head = False
            if self._read > max_bytes and len(self.url) + sum(len(n) + len(v) for n, v in self.headers) > max_bytes:
                self._is_too_large = True
                raise ValueError("the headers are too large")  # the parser stops, and asks for an answer of 400
            super().on_headers_complete()

        def send_400_response(self, msg: str) -> None:
            if not self._is_too_large:
                super().send_400_response(msg)
                return
            # Of two requests in a row, the first may still be being answered: no other answer may come between.
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_too_large(max_bytes))
            self.transport.close()

    return LimitedHeads


def _too_large(max_bytes: int) -> bytes:
    request_id = new_request_id()
    why = f"the headers have more than the {max_bytes} bytes that they may have"
    envelope = ErrorEnvelope(error=why, error_type="RequestHeaderFieldsTooLarge", request_id=request_id)
    body = envelope.model_dump_json(exclude={"details"}).encode()
    head = (
        "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"X-Content-Type-Options: nosniff\r\nX-Request-Id: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
