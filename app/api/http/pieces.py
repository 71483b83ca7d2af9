"""Answers that are written piece by piece: small ones in a whole, large ones as they are sent."""

from collections.abc import Iterator, Mapping
from itertools import chain

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.http.aside import Aside
from app.api.http.disconnect import ClientGone, while_connected

WHOLE_BYTES = 4_000_000  # are kept until their number is known


async def respond_with(aside: Aside, pieces: Iterator[bytes], media_type: str, headers: Mapping[str, str]) -> Response:
    """Return a response of `pieces`, with its length if it is not large."""
    written = await aside.write(pieces, WHOLE_BYTES)
    if sum(map(len, written)) < WHOLE_BYTES:
        return Response(b"".join(written), media_type=media_type, headers=dict(headers))
    return Streamed(aside, chain(written, pieces), media_type, headers)


class Streamed(Response):
    """A body that is written as it is sent, so that it is never whole in memory, and for as long as its client reads.

    An error after its start closes the connection: its end is missing then, so that nobody takes it for whole.
    """

    def __init__(self, aside: Aside, pieces: Iterator[bytes], media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(None, media_type=media_type, headers=dict(headers))
        del self.headers["Content-Length"]
        self._aside = aside
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with while_connected(Request(scope, receive)):
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                while written := await self._aside.write_on(self._pieces):
                    await send({"type": "http.response.body", "body": b"".join(written), "more_body": True})
        except ClientGone:
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Sized(Response):
    """A body of `size` bytes whose pieces are copied out of what is in memory, so that there is no second one."""

    def __init__(self, pieces: Iterator[bytes], size: int, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(None, media_type=media_type, headers={"Content-Length": str(size), **headers})
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
