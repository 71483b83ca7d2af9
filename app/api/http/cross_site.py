"""A page from elsewhere may not act on a service without keys through the browser of somebody who can reach it."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import on_service_error
from app.errors import Forbidden

HARMLESS = ("GET", "HEAD", "OPTIONS")
FROM_HERE = (b"same-origin", b"none")  # none: the person who sits there
DEFAULT_PORT = re.compile(r":(80|443)?$")


class OwnPagesOnly:
    """Pure ASGI. Refuses what a browser says a page of another origin sent, unless that is one of `origins`.

    Without CORS such a page cannot read the answer, but it could send all the same: for example, load a model.
    Browsers say it with Sec-Fetch-Site (W3C Fetch Metadata) where the connection can be trusted; over plain http, to
    any name but localhost, with Origin alone. No script can change either; other clients send neither.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = {origin.encode() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in HARMLESS and self._is_foreign(dict(scope["headers"])):
            error = Forbidden("a page of another origin sent this, and TESSERA_CORS_ORIGINS does not name it")
            await (await on_service_error(Request(scope), error))(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_foreign(self, headers: dict[bytes, bytes]) -> bool:
        site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
        if site is not None:
            is_from_here = site in FROM_HERE
        else:
            is_from_here = origin is None or _place_of(origin) == _without_default_port(headers.get(b"host", b""))
        return not is_from_here and b"*" not in self._origins and origin not in self._origins


def _place_of(origin: bytes) -> str | None:
    """Name and port of an origin. None of one that has none, such as `null`. The scheme is left out: TLS may end
    in front of us."""
    try:
        return _without_default_port(urlsplit(origin).netloc) or None
    except ValueError:
        return None


def _without_default_port(place: bytes) -> str:
    return DEFAULT_PORT.sub("", place.decode("latin-1").lower())
