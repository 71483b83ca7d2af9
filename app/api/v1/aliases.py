"""Names with a slash, as models have them on hubs: clients encode it, and servers decode it before they route."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.v1 import paths

ENCODED = "%2F"
NAMED = re.compile(rb"%b/[^/]*%%2[fF][^/]*" % paths.MODELS.encode())


class SlashesInNames:
    """Pure ASGI. Leaves the slashes encoded in the path of a model, so that its name is one part of the path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and NAMED.fullmatch(scope.get("raw_path") or b""):
            name = scope["path"].removeprefix(f"{paths.MODELS}/")
            scope["path"] = f"{paths.MODELS}/{name.replace('/', ENCODED)}"
        await self._app(scope, receive, send)


def decoded(name: str) -> str:
    return name.replace(ENCODED, "/")
