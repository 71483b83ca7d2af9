"""Stop working for a client that has gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request


class ClientGone(Exception):
    """The connection was closed before the answer was there."""


@asynccontextmanager
async def while_connected(request: Request) -> AsyncIterator[None]:
    """Cancel what runs inside, and raise ClientGone, if the client hangs up; its request body must have been read."""
    worker = asyncio.current_task()
    assert worker is not None
    is_gone = False

    async def cancel_when_gone() -> None:
        nonlocal is_gone
        while (await request.receive())["type"] != "http.disconnect":
            pass
        is_gone = True
        worker.cancel()

    watch = asyncio.create_task(cancel_when_gone())
    try:
        yield
    except asyncio.CancelledError:
        # Whoever else cancelled this task, such as a server that stops, is not kept from it.
        if is_gone and worker.uncancel() == 0:
            raise ClientGone from None
        raise
    finally:
        watch.cancel()
