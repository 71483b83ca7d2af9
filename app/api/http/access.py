"""Who may call, and what: a key is asked for everywhere but at the few paths that are open."""

from collections.abc import Collection, Iterable

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import on_service_error
from app.api.http.allowances import telling_what_is_left
from app.api.http.callers import ASKING, Caller
from app.api.http.routes import Route
from app.errors import Forbidden, KeyExpired, ServiceError, Unauthorized
from app.keys import SCOPES, Key, KeyRing
from app.keys import Scope as Needed
from app.keys.limits import Meter, Meters
from app.telemetry import Telemetry

ANY = "{path:path}"

MAY = "What a key may do are its scopes: " + "; ".join(f"`{scope}`, {what}" for scope, what in SCOPES.items()) + "."
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": f"a key, as `Authorization: Bearer …`. {MAY}"},
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": f"a key, in a header of its own. {MAY}",
    },
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
    """Pure ASGI, inside of FindRoute. Lets in whoever has a key with the scope of the route, and some of its limits
    left. Puts its name as `key` into the request's state, and makes it the caller whom the engine serves.

    What is `open` is so by name: a route is closed unless it says otherwise.
    """

    def __init__(
        self, app: ASGIApp, keys: KeyRing, telemetry: Telemetry, open: OpenPaths, meters: Meters | None = None
    ) -> None:
        self._app = app
        self._open = open
        self._keys = keys
        self._meters = meters or Meters()
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and self._open.has(scope["method"], scope["path"])):
            await self._app(scope, receive, send)
            return
        route: Route | None = scope["state"].get("asked")
        meter: Meter | None = None
        try:
            key = key_of(self._keys, scope["headers"])
            scope["state"]["key"] = key.name
            meter = self._meters.of(key)
            _require(key, _needs(scope, route), meter)
        except ServiceError as error:
            await self._refuse(error, route, meter, scope, receive, send)
            return
        self._telemetry.key_requests.labels(key.name).inc()
        ASKING.set(Caller(frozenset(key.models), meter))
        if meter is not None:
            send = telling_what_is_left(send, meter, has_taken=True)
        await self._app(scope, receive, send)

    async def _refuse(
        self, error: ServiceError, route: Route | None, meter: Meter | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer in the form of the dialect that was asked; a body that is still to come is not read."""
        if isinstance(error, KeyExpired):
            scope["state"]["key"] = error.key
        if name := scope["state"].get("key"):
            self._telemetry.key_refused.labels(name, type(error).__name__).inc()
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        if meter is not None:
            send = telling_what_is_left(send, meter, has_taken=False)
        tell = route.tell if route else on_service_error
        await (await tell(Request(scope), error))(scope, receive, send)


def _needs(scope: Scope, route: Route | None) -> Needed | None:
    """The scope of a key that is needed; None if any will do: where there is no route, it learns that."""
    if route is not None:
        return route.needs
    return None if scope["type"] == "http" else "admin"  # a socket, of which we have no routes


def _require(key: Key, needs: Needed | None, meter: Meter | None) -> None:
    """Raises Forbidden and LimitReached."""
    if needs is not None and needs not in key.scopes:
        raise Forbidden(f"this needs a key with the scope {needs}; the key {key.name} has: {', '.join(key.scopes)}")
    if meter is not None:
        meter.take(asks_model=needs == "predict")


def key_of(keys: KeyRing, headers: Iterable[tuple[bytes, bytes]]) -> Key:
    """The key that came with a request. Raises Unauthorized, KeyExpired and KeysUnreadable."""
    expired: KeyExpired | None = None
    bearer, api_key = _secrets_of(headers)
    # Either may be right: some clients send a token of their own, unasked, beside ours.
    for secret in filter(None, (api_key, bearer)):
        try:
            if (key := keys.find(secret)) is not None:
                return key
        except KeyExpired as error:
            expired = error
    if expired is not None:
        raise expired
    why = "this key is not known, or was revoked" if bearer or api_key else "a key is needed"
    raise Unauthorized(f"{why}; send one as Authorization: Bearer … or X-API-Key: …")


def _secrets_of(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """Return what came as Authorization: Bearer, and as X-API-Key; empty if it did not."""
    bearer = api_key = b""
    for name, value in headers:
        if name == b"authorization" and value[: len(BEARER)].lower() == BEARER:
            bearer = value[len(BEARER) :].strip()
        elif name == b"x-api-key":
            api_key = value.strip()
    return bearer, api_key
