"""The things every request gets: an id, a trace, a limit on its body, headers, a line in the log, and an answer."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from time import perf_counter

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import Shapes, named, on_bug, on_service_error
from app.api.http.answered import Report
from app.api.http.headers import SecurityHeaders
from app.api.http.request_id import request_id_of
from app.api.http.transit import Body, Transit
from app.errors import ModelNotReady

log = logging.getLogger(__name__)

ENDS_THE_PROCESS = (KeyboardInterrupt, SystemExit, GeneratorExit)


class RequestContext:
    """Pure ASGI, outermost. Puts `request_id` into the request's state and onto the response.

    Beside it stand in the state the `shapes` in which errors are told, and its `trace` or None.

    While `is_stopping` says so, connections are closed after their answers, so that clients go elsewhere.
    """

    def __init__(
        self,
        app: ASGIApp,
        report: Report,
        transit: Transit,
        headers: SecurityHeaders,
        is_stopping: Callable[[], bool],
        shapes: Shapes,
    ) -> None:
        self._app = app
        self._shapes = shapes
        self._is_stopping = is_stopping
        self._report = report
        self._transit = transit
        self._headers = headers

    def refuse_bodies(self) -> None:
        """Refuse what has not arrived, and what comes in parts from now on: the service is stopping."""
        self._transit.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, sent, version = perf_counter(), 0, 0, ""
        given_id, traceparent = _names_given(scope["headers"])
        request_id, trace = request_id_of(given_id.decode("latin-1")), self._report.begun(traceparent)
        scope.setdefault("state", {}).update(request_id=request_id, shapes=self._shapes, trace=trace)
        body = Body(self._transit, scope, receive)

        async def send_with_id(message: Message) -> None:
            nonlocal status, sent, version
            if message["type"] == "http.response.start":
                status = message["status"]
                body.is_answered()
                given = message.get("headers", ())
                names = dict(given)
                version = names.get(b"x-model-version", b"").decode()
                own = [one for one in self._headers.of(scope["path"]) if one[0] not in names]
                own.append((b"x-request-id", request_id.encode()))
                # Whoever is not told to send its body may send it, or the next request: nobody could tell which.
                # And bodies are refused a moment before the engine knows that it is to stop.
                if self._is_stopping() or self._transit.is_stopping or body.is_held_back():
                    own.append((b"connection", b"close"))
                message["headers"] = [*given, *own]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, body, send_with_id)
        except asyncio.CancelledError:  # to make room for other bodies, or by a server that cannot wait any longer
            why = body.refused()
            if why is None and (status or not self._is_stopping()):
                raise
            if status:  # the connection is closed, so that nobody takes the answer for whole
                log.warning("request %s: %s", named(scope["state"]), why)
                return
            why = why or ModelNotReady("the service is stopping")
            await (await on_service_error(Request(scope), why))(scope, receive, send_with_id)
        except BaseException as error:  # a panic in Rust is no Exception
            if isinstance(error, ENDS_THE_PROCESS):
                raise
            log.exception("request %s failed", named(scope["state"]))
            if status == 500:  # FastAPI has answered, and raised all the same
                return
            if status:  # too late for an answer
                raise
            await (await on_bug(Request(scope), error))(scope, receive, send_with_id)
        finally:
            self._transit.ends(body)
            self._report.answered(scope, status, perf_counter() - started, body.received, sent, version)


def _names_given(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """Return the X-Request-Id and the traceparent, empty where there is none; of two traceparents none is believed."""
    request_id = traceparent = b""
    # As bytes, here and above: what reads headers as text takes longer than all the rest.
    for name, value in headers:
        if name == b"x-request-id":
            request_id = request_id or value
        elif name == b"traceparent":
            traceparent = b"two" if traceparent else value
    return request_id, traceparent
