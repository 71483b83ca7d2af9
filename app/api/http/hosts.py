"""By which names this service may be called.

Somebody's page can let its own name point at 127.0.0.1 (DNS rebinding). To a browser our answers are then of that
page's origin, which may read them; only the Host header still says by which name we were called.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_address

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import on_service_error
from app.errors import Forbidden

LONGEST = 300  # characters of a name, its brackets and its port (RFC 1035: 255 of a name)
HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:]*)(:[0-9]*)?")


class KnownHosts:
    """Pure ASGI. Refuses requests to a name with a dot, unless it is one of `names` or ends in .localhost.

    Addresses, and names without a dot such as localhost, are nobody's to let point here: no public server answers for
    them. A request without Host comes from no browser.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)
        self._is_known = lru_cache(256)(self._has_known_name)  # callers call us by few

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host" and (len(value) > LONGEST or not self._is_known(value)):
                    error = Forbidden(
                        f"this service is not called {value.decode('latin-1')!r:.80}; TESSERA_HOSTS can name it"
                    )
                    await (await on_service_error(Request(scope), error))(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _has_known_name(self, host: bytes) -> bool:
        match = HOST.fullmatch(host.decode("latin-1"))
        if match is None:
            return False
        name = match[1].lower().removesuffix(".")
        return "." not in name or name.endswith(".localhost") or name in self._names or _is_address(name)


def _is_address(text: str) -> bool:
    try:
        ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True
