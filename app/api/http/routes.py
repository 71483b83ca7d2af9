"""Routes that lead from ASGI straight to their handler.

FastAPI's routing, dependencies and exception layers cost more than a small model takes to answer; here a request
meets one regular expression and one table of errors. What these routes take and give is described in openapi.py.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from re import Pattern

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import named, on_bug, on_http_error, on_service_error
from app.errors import ServiceError

log = logging.getLogger(__name__)

Handler = Callable[[Request, dict[str, str]], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class DirectRoute:
    """`path` is the pattern as it is documented and counted, such as /v1/models/{model}/predict."""

    path: str
    pattern: Pattern[str]
    handler: Handler


class Direct:
    """Pure ASGI: answer a POST to one of `handlers`, by path; leave every other path to `app`."""

    def __init__(self, app: ASGIApp, handlers: Mapping[str, Handler]) -> None:
        self._app = app
        self._routes = [DirectRoute(path, compile_path(path)[0], handler) for path, handler in handlers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for route in self._routes:
                if match := route.pattern.match(scope["path"]):
                    names = match.groupdict()
                    scope["route"], scope["path_params"] = route, names
                    response = await _answer(route, Request(scope, receive), names)
                    await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)


async def _answer(route: DirectRoute, request: Request, names: dict[str, str]) -> Response:
    if request.method != "POST":
        return await on_http_error(request, HTTPException(405, headers={"Allow": "POST"}))
    try:
        return await route.handler(request, names)
    except ServiceError as error:
        return await on_service_error(request, error)
    except Exception as error:  # here, so that the answer passes the layers between, which let a browser read it
        log.exception("request %s failed", named(request.scope["state"]))
        return await on_bug(request, error)
