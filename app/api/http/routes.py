"""A route says of itself what others must know: where it is, who may ask, how it fails, how it is described.

There are two kinds. FastAPI's routing, dependencies and exception layers cost more than a small model takes to answer:
what is asked often goes from ASGI straight to its handler, past one regular expression and one table of errors.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import (
    ErrorEnvelope,
    IsClient,
    Shape,
    Tell,
    flat,
    named,
    on_bug,
    on_client_gone,
    on_http_error,
    on_service_error,
)
from app.api.http.disconnect import ClientGone
from app.errors import ServiceError
from app.keys import Scope as Needed
from app.serving.engine import Served

log = logging.getLogger(__name__)

Handler = Callable[[Request, dict[str, str]], Awaitable[Response]]
"""Answers a request, given the names in its path."""
Operation = dict[str, Any]
"""As OpenAPI has it, but for a documented.BodySchema where that has a reference to one."""
Describe = Callable[[Served], Mapping[str, Operation]]
"""The operations of one loaded model, by their paths."""


def never(scope: Scope) -> bool:
    return False


def undescribed(served: Served) -> Mapping[str, Operation]:
    return {}


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path.

    `statuses` are those of its failures, besides 401, 403 and 429, which any route may answer. One that `is_open` may
    be read without a key; any other needs a key with its `scope`. `tell` answers what `handler` raises.
    """

    method: str
    path: str
    handler: Callable[..., Any]
    statuses: Sequence[int] = ()
    is_open: bool = False
    tell: Tell = on_service_error
    scope: Needed | None = None

    @property
    def needs(self) -> Needed | None:
        """The scope of a key that may ask it; None if it is open. One that does not say is for `admin` alone."""
        return None if self.is_open else self.scope or "admin"


@dataclass(frozen=True, slots=True)
class TypedRoute(Route):
    """A route that FastAPI reads, checks and describes by the types of `handler`; `options` are FastAPI's."""

    options: Mapping[str, Any] = field(default_factory=dict)


def typed(
    method: str,
    path: str,
    handler: Callable[..., Any],
    *statuses: int,
    is_open: bool = False,
    tell: Tell = on_service_error,
    scope: Needed | None = None,
    **options: Any,
) -> TypedRoute:
    """Return a TypedRoute; `options` are those of FastAPI's `add_api_route`."""
    return TypedRoute(method, path, handler, statuses, is_open, tell, scope, options)


get, post = partial(typed, "GET"), partial(typed, "POST")


@dataclass(frozen=True, slots=True)
class DirectRoute(Route):
    """A route past FastAPI: while it works its request may be cancelled at any time.

    `describe` gives the operations of one model; `operation` is the one of a route that is of no model. `body_bytes`
    gives what a body may have, when it is about to be read; without it, what bodies of other routes may. One that
    `streams` is put on the disk as it arrives.
    """

    handler: Handler
    describe: Describe = undescribed
    body_bytes: Callable[[Scope], int] | None = None
    streams: Callable[[Scope], bool] = never
    operation: Operation | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Routes that stand under one heading of the documents; without a name they stand in none.

    Where its clients read errors in a form of their own, `shape` makes it and `Failure` is its schema: at `places`, the
    beginnings of their paths, whoever answers the error; and at `shared`, where other clients ask, too, if `is_client`.
    """

    name: str
    about: str
    routes: Sequence[Route]
    places: Sequence[str] = ()
    shape: Shape = flat
    Failure: type[BaseModel] = ErrorEnvelope
    shared: Sequence[str] = ()
    is_client: IsClient = lambda request: False


class Direct:
    """Pure ASGI, inside of FindRoute: answer what is asked of a DirectRoute; leave everything else to `app`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            route = scope["state"].get("asked")
            methods: Mapping[str, Route] = scope.get("methods", {})
            if isinstance(route, DirectRoute):
                response = await _answer(route, Request(scope, receive), scope["path_params"])
            elif methods and all(isinstance(one, DirectRoute) for one in methods.values()):
                scope["route"] = next(iter(methods.values()))
                refused = HTTPException(405, headers={"Allow": ", ".join(methods)})
                response = await on_http_error(Request(scope), refused)
            else:
                await self._app(scope, receive, send)
                return
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)


async def _answer(route: DirectRoute, request: Request, names: dict[str, str]) -> Response:
    try:
        return await route.handler(request, names)
    except ServiceError as error:
        return await route.tell(request, error)
    except (ClientGone, ClientDisconnect) as error:
        return await on_client_gone(request, error)
    except Exception as error:  # here, so that the answer passes the layers between, which let a browser read it
        log.exception("request %s failed", named(request.scope["state"]))
        return await on_bug(request, error)


def body_limit(other_bytes: int) -> Callable[[Scope], int]:
    """Return how many bytes the body of a request may have, by its route."""

    def limit_of(scope: Scope) -> int:
        route = scope.get("route")
        limit = route.body_bytes if isinstance(route, DirectRoute) else None
        return other_bytes if limit is None else limit(scope)

    return limit_of
