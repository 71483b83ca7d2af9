"""Who may call: a key is asked for everywhere but at the few paths that are open."""

from collections.abc import Collection

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import on_service_error
from app.errors import ServiceError, Unauthorized
from app.keys import KeyRing
from app.telemetry import Telemetry

ANY = "{path:path}"

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a key, as `Authorization: Bearer …`"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "a key, in a header of its own"},
}

BEARER = b"bearer "
POLICY_VIOLATION = 1008  # of a WebSocket (RFC 6455, 7.4.1)


class OpenPaths:
    """The paths that may be read without a key, and no other.

    A path whose last part is `{path:path}` stands for its whole folder.
    """

    def __init__(self, paths: Collection[str]) -> None:
        folders = {path for path in paths if path.endswith(ANY)}
        self._folders = tuple(path.removesuffix(ANY) for path in folders)
        self._paths = frozenset(paths) - folders

    def has(self, method: str, path: str) -> bool:
        return method in ("GET", "HEAD") and (path in self._paths or path.startswith(self._folders))


class Access:
    """Pure ASGI. Lets in whoever has a key, and puts its name as `key` into the request's state.

    What is `open` is so by name: a route is closed unless it says otherwise.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing, telemetry: Telemetry, open: OpenPaths) -> None:
        self._app = app
        self._open = open
        self._keys = keys
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and self._open.has(scope["method"], scope["path"])):
            await self._app(scope, receive, send)
            return
        try:
            name = self._caller(scope)
        except ServiceError as error:
            if scope["type"] == "http":
                await (await on_service_error(Request(scope), error))(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        scope["state"]["key"] = name
        self._telemetry.key_requests.labels(name).inc()
        await self._app(scope, receive, send)

    def _caller(self, scope: Scope) -> str:
        """The name of the key that came with a request. Raises Unauthorized and KeysUnreadable."""
        bearer, api_key = _secrets_of(scope)
        # Either may be right: some clients send a token of their own, unasked, beside ours.
        name = self._keys.owner_of(api_key) or self._keys.owner_of(bearer)
        if name is None:
            why = "this key is not known, or was revoked" if bearer or api_key else "a key is needed"
            raise Unauthorized(f"{why}; send one as Authorization: Bearer … or X-API-Key: …")
        return name


def _secrets_of(scope: Scope) -> tuple[bytes, bytes]:
    """Return what came as Authorization: Bearer, and as X-API-Key; empty if it did not."""
    bearer = api_key = b""
    for name, value in scope["headers"]:
        if name == b"authorization" and value[: len(BEARER)].lower() == BEARER:
            bearer = value[len(BEARER) :].strip()
        elif name == b"x-api-key":
            api_key = value.strip()
    return bearer, api_key
