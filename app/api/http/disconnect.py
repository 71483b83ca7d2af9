"""Stop working for a client that has gone."""

import asyncio
from types import TracebackType

from starlette.requests import Request


class ClientGone(Exception):
    """The connection was closed before the answer was there."""


class while_connected:  # no generator: this runs for every request
    """Cancel what runs inside, and raise ClientGone, if the client hangs up; its request body must have been read."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._is_gone = False

    async def __aenter__(self) -> None:
        worker = asyncio.current_task()
        assert worker is not None
        self._worker = worker
        self._watch = asyncio.create_task(self._cancel_when_gone())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.cancel()
        # A task that is cancelled keeps the error with its frames, and one of these has this object: such a circle
        # would keep the request in memory until somebody looks for circles, which stops the loop for tens of ms.
        del self._watch
        # Whoever else cancelled this task, such as a server that stops, is not kept from it.
        if self._is_gone and kind is asyncio.CancelledError and self._worker.uncancel() == 0:
            raise ClientGone from None

    async def _cancel_when_gone(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        self._is_gone = True
        self._worker.cancel()
