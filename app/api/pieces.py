"""Answers that are written in pieces, and sent in pieces: a large one is never a second time in memory."""

from collections.abc import Mapping, Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

FEW_BYTES = 1_000_000  # are copied in about 0.1 ms


class Pieces(Response):
    """A response whose body is `pieces`, one after another."""

    def __init__(self, pieces: Sequence[bytes], media_type: str, headers: Mapping[str, str]) -> None:
        size = sum(map(len, pieces))
        self._rest = [] if size <= FEW_BYTES else list(pieces)
        content = b"" if self._rest else b"".join(pieces)
        super().__init__(content, media_type=media_type, headers={"Content-Length": str(size), **headers})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._rest:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        self._rest.reverse()
        while self._rest:  # each can be freed once it is sent
            piece = self._rest.pop()
            await send({"type": "http.response.body", "body": piece, "more_body": bool(self._rest)})
