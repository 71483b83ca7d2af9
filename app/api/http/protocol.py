"""HTTP/1.1 on a socket whose other end may be anybody: uvicorn's protocol with bounds, and one form of refusal.

What is no request, too large, too slow or one too many is answered in the envelope of every other failure. That never
comes before, or instead of, the answers to good requests that came first on the same connection.
"""

from asyncio import TimerHandle, Transport
from http import HTTPStatus
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.http.bounds import ConnectionLimits, HeldFlow, ToClient
from app.api.http.refusals import fault_of, refusal
from app.api.http.slow_reader import SlowReader

MOST_UNANSWERED = 16  # requests in a row on one connection; then no more of it is read for a while
PIECE_BYTES = 4096  # parsed at a time: some 200 requests, each of which takes some 4 kB of memory
LAST_LINGER_S = 1.0  # when the service stops
RETRY = (b"retry-after", b"1")


def bounded(bounds: ConnectionLimits) -> type[HttpToolsProtocol]:
    """The protocol as uvicorn wants it: as a class."""

    class WithBounds(BoundedProtocol):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(bounds, *arguments, **options)

    return WithBounds


class BoundedProtocol(HttpToolsProtocol):
    flow: HeldFlow

    def __init__(self, bounds: ConnectionLimits, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._bounds = bounds
        self._connections = bounds.connections
        self._is_in_head = self._is_in_body = False
        self._unanswered = 0  # requests that have begun, and whose answers are not complete
        self._unparsed = b""  # what was read and has to wait, since too many are unanswered
        self._refusal: bytes | None = None  # what is sent last; from then on nothing is read but to forget it
        self._fault: tuple[HTTPStatus, str] | None = None  # why a callback of ours stopped the parser
        self._piece = 0  # bytes of the piece that is being parsed
        self._fed = 0  # bytes of all pieces that may hold a part of this head
        self._not_ours = 0  # those of them that may be of the request before
        self._trailers = 0
        self._wants_upgrade = False
        self._forgotten: int | None = None  # bytes that came too late for their answer
        self._linger_s = bounds.linger_s
        self._slow_client: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = HeldFlow(transport)
        self._slow_reader = SlowReader(transport, self.loop, self._bounds.reading_timeout_s)
        if self._connections.add(self):
            self._expect_progress()
        else:
            why = f"there are {self._connections.most} connections, and all of them are busy"
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, why, RETRY)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._slow_reader.forget()
        self._expect_nothing()
        if self.cycle is not None:
            self.cycle.transport = self.transport  # which does not refer to us any more
        super().connection_lost(exc)

    def give_way(self) -> None:
        if self._is_in_head or self._is_in_body:
            why = "there are too many connections, and this one has kept us waiting longest"
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, why, RETRY)
        self._close()

    # What comes in

    def data_received(self, data: bytes) -> None:
        if self._forgotten is not None:
            self._forgotten += len(data)
            if self._forgotten > self._bounds.linger_bytes:
                self._close()
                return
        if self._refusal is not None:
            return
        if self.flow.is_held:  # it was on its way already
            self._unparsed += data
        else:
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        position = 0
        while position < len(data):
            if self._unanswered > MOST_UNANSWERED:
                self.flow.hold()
                self._unparsed = data[position:]
                return
            piece = data[position : position + PIECE_BYTES]
            self._piece = len(piece)
            self._fed += len(piece)
            try:
                position += self._feed(piece)
            except HttpParserError as error:
                self._refuse(*(self._fault or fault_of(error)))
                return
            if self._is_in_head and self._fed - self._not_ours > self._bounds.max_head_bytes:
                self._refuse(*self._too_large())
                return
        if not self._unanswered:
            self._expect_progress()

    def _feed(self, piece: bytes) -> int:
        """Parse the start of `piece`, which is all of it unless it asks for another protocol. Return its length."""
        try:
            self.parser.feed_data(piece)
        except HttpParserUpgrade as other_protocol:
            self._ask_without_upgrade()
            return int(other_protocol.args[0])
        return len(piece)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True
        self._fed = self._not_ours = self._piece

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_in_head:
            super().on_header(name, value)
            return
        # Trailers, after a body in chunks: nobody reads them, and as headers they would come too late to be checked.
        self._trailers += len(name) + len(value)
        if self._trailers > self._bounds.max_head_bytes:
            self._stop_parser(*self._too_large())

    def on_headers_complete(self) -> None:
        if self._fed > self._bounds.max_head_bytes and self._head_bytes() > self._bounds.max_head_bytes:
            self._stop_parser(*self._too_large())
        self._wants_upgrade = self.parser.should_upgrade()
        if self._wants_upgrade:
            if self.parser.get_method() == b"CONNECT":
                self._stop_parser(HTTPStatus.METHOD_NOT_ALLOWED, "CONNECT is not allowed here")
            return
        if self.url == b"*":  # OPTIONS of the whole server, which are those of its root
            self.url = b"/"
        super().on_headers_complete()
        self.cycle.transport = ToClient(self.transport, self._close_after_answer)  # type: ignore[assignment]
        self._is_in_head, self._is_in_body = False, True
        self._trailers = 0
        self._unanswered += 1
        self._expect_nothing()

    def _ask_without_upgrade(self) -> None:
        """Read a request as if it had not asked for another protocol, which nobody has to speak (RFC 9110, 7.8).

        The parser takes all that follows for that protocol, its own body included; so it gets the same head again.
        """
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    def on_message_complete(self) -> None:
        if self._wants_upgrade:
            return
        super().on_message_complete()
        self._is_in_body = False
        if self._unanswered:
            self._connections.waits_for_us(self)
        elif self._forgotten is not None:  # the next request has its own time
            self._forgotten = None
            self._expect_nothing()

    # What goes out

    def on_response_complete(self) -> None:
        self._unanswered -= 1
        super().on_response_complete()
        self._slow_reader.expect_to_read()
        if not self._unanswered:
            self._connections.waits_for_client(self)
        if self._refusal is not None:
            self._send_refusal()
        elif self._is_in_body and self.cycle.response_complete:
            self._read_on()
        elif self.flow.is_held and self._unanswered <= MOST_UNANSWERED // 2 and not self.transport.is_closing():
            self.flow.is_held = False
            self.flow.resume_reading()
            waiting, self._unparsed = self._unparsed, b""
            self._parse(waiting)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._slow_reader.expect_to_read()

    def _refuse(self, status: HTTPStatus, why: str, *headers: tuple[bytes, bytes]) -> None:
        """Answer so when everything before is answered, and close the connection."""
        if self._refusal is not None:
            return
        default_headers = self.server_state.default_headers
        self._refusal = refusal(status, why, *default_headers, *headers, has_body=not self._is_asked_with_head())
        self._unparsed = b""
        self.flow.hold()
        if self._is_in_body:
            self._break_off()
        self._send_refusal()

    def _break_off(self) -> None:
        """Let go of the newest request, whose body will never be whole."""
        self._is_in_body = False
        if self.cycle.response_started:
            self._refusal = b""  # it has its answer
        elif self.pipeline and self.pipeline[0][0] is self.cycle:
            self.pipeline.popleft()
            self._unanswered -= 1
        else:  # whoever reads its body learns that there will be no more of it, and no answer is sent
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._unanswered -= 1

    def _send_refusal(self) -> None:
        if self._unanswered or self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        self.transport.write(self._refusal or b"")
        if not self._connections.has_spare:
            self._close()
            return
        self.flow.is_held = False
        self.flow.resume_reading()
        if self.transport.can_write_eof():  # not through TLS, whose end is that of both directions
            self.transport.write_eof()
        self._read_on()

    def _close_after_answer(self) -> None:
        if self._is_in_body and self.cycle.response_complete:
            self._refusal = b""  # it has its answer
        else:
            self.transport.close()

    def _read_on(self) -> None:
        """Read what comes after an answer, and forget it: a client that is cut off may never see the answer."""
        self._unset_keepalive_if_required()
        self._expect_nothing()
        self._forgotten = self._forgotten or 0
        self._slow_client = self.loop.call_later(self._linger_s, self._close)

    def shutdown(self) -> None:
        self._linger_s = min(self._linger_s, LAST_LINGER_S)
        if self._forgotten is None:
            super().shutdown()
        else:
            self._read_on()

    # Clients that are slow

    def _expect_nothing(self) -> None:
        if self._slow_client is not None:
            self._slow_client.cancel()
            self._slow_client = None

    def _expect_progress(self) -> None:
        if self._slow_client is None:
            self._slow_client = self.loop.call_later(self._bounds.head_timeout_s, self._too_slow)

    def _too_slow(self) -> None:
        self._slow_client = None
        if self._unanswered:
            return
        if self._is_in_head:
            why = f"the headers did not arrive within {self._bounds.head_timeout_s:g} s"
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, why)
        else:
            self._close()

    def _close(self) -> None:
        self.transport.close()
        self._slow_reader.expect_to_read()

    # Heads that are large

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _is_asked_with_head(self) -> bool:
        """Whether the request that is arriving is one whose answer has no body."""
        has_method = self._is_in_body or (self._is_in_head and bool(self.url))
        return has_method and self.parser.get_method() == b"HEAD"

    def _too_large(self) -> tuple[HTTPStatus, str]:
        why = f"the headers have more than the {self._bounds.max_head_bytes} bytes that they may have"
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, why

    def _stop_parser(self, status: HTTPStatus, why: str) -> None:
        self._fault = status, why
        raise ValueError(why)
