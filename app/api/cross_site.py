"""A page from elsewhere may not act on a service without keys through the browser of somebody who can reach it."""

from collections.abc import Collection

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import on_service_error
from app.errors import Forbidden

HARMLESS = ("GET", "HEAD", "OPTIONS")
FROM_ELSEWHERE = (b"cross-site", b"same-site")


class OwnPagesOnly:
    """Pure ASGI. Refuses what a browser says a page of another origin sent, unless that is one of `origins`.

    Without CORS such a page cannot read the answer, but it could send all the same: for example, load a model.
    Browsers say it with Sec-Fetch-Site (W3C Fetch Metadata), which no script can change; other clients do not send it.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = {origin.encode() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in HARMLESS and self._is_foreign(scope):
            error = Forbidden("a page of another origin sent this, and TESSERA_CORS_ORIGINS does not name it")
            await (await on_service_error(Request(scope), error))(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_foreign(self, scope: Scope) -> bool:
        for name, value in scope["headers"]:
            if name == b"sec-fetch-site":
                return value in FROM_ELSEWHERE and not self._is_named(scope)
        return False

    def _is_named(self, scope: Scope) -> bool:
        return b"*" in self._origins or dict(scope["headers"]).get(b"origin") in self._origins
