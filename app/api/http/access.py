"""Who may call: a key is asked for everywhere but at the few paths that are open."""

from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import ErrorEnvelope, on_service_error
from app.errors import ServiceError, Unauthorized
from app.keys import KeyRing
from app.telemetry import Telemetry

# Probes carry no keys, and a browser cannot send one with the address of a page. The OpenAPI document is open because
# /docs reads it before anyone can press Authorize there; it names the models and shows an example of each.
OPEN_PATHS = frozenset(
    {
        "/health/live",
        "/health/ready",
        "/v2/health/live",
        "/v2/health/ready",
        "/",
        "/docs",
        "/redoc",
        "/openapi.json",
        "/favicon.ico",
    }
)
OPEN_FOLDERS = ("/static-offline-docs/", "/pages/")  # scripts, styles and pictures of the pages

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a key, as `Authorization: Bearer …`"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "a key, in a header of its own"},
}


class Access:
    """Pure ASGI. Lets in whoever has a key, and puts its name as `key` into the request's state.

    Paths are open by name, so that a route is closed unless somebody decided otherwise.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing, telemetry: Telemetry) -> None:
        self._app = app
        self._keys = keys
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and is_open(scope["method"], scope["path"])):
            await self._app(scope, receive, send)
            return
        try:
            name = self._caller(scope)
        except ServiceError as error:
            if scope["type"] == "http":
                await (await on_service_error(Request(scope), error))(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
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


def is_open(method: str, path: str) -> bool:
    return method in ("GET", "HEAD") and (path in OPEN_PATHS or path.startswith(OPEN_FOLDERS))


def declare(document: dict[str, Any]) -> None:
    """Say in an OpenAPI document that keys are asked for, and where not."""
    document["components"]["securitySchemes"] = SCHEMES
    document["security"] = [{name: []} for name in SCHEMES]
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{ErrorEnvelope.__name__}"}}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if is_open(method.upper(), path):
                operation["security"] = []
            else:
                operation["responses"]["401"] = {"description": "no key, or not a known one", "content": content}


def _secrets_of(scope: Scope) -> tuple[bytes, bytes]:
    """What came as Authorization: Bearer, and as X-API-Key; empty if it did not."""
    bearer = api_key = b""
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            bearer = value[7:].strip()
        elif name == b"x-api-key":
            api_key = value.strip()
    return bearer, api_key
