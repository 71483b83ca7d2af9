"""HEAD wherever GET is: the same answer without its body (RFC 9110, section 9.3.2)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadToo:
    """Pure ASGI. Asks `app` with GET for what was asked with HEAD, and keeps the body of the answer back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # A copy: the server reads from its own that no body follows.
        asked: Scope = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, send_without_body)
        finally:
            for name in ("route", "path_params"):
                if name in asked:
                    scope[name] = asked[name]
