"""Loads on one server: who asks when. Each returns what came, and how long it took. Knows no targets."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from time import perf_counter
from typing import Any, TypeVar

from benchmarks.generation.asks import Ask
from benchmarks.generation.client import Client, Told

Result = TypeVar("Result")


async def closed(
    client: Client,
    asks: Sequence[Ask],
    clients: int,
    leaves_after: Callable[[int], int | None] = lambda i: None,
    progress: Callable[[int], None] = lambda i: None,
) -> tuple[list[Told], float]:
    """`clients` who each ask again as soon as they are answered, until all asks have been sent."""
    told: list[Told | None] = [None] * len(asks)
    left = iter(range(len(asks)))

    async def one() -> None:
        for i in left:
            told[i] = await client.ask(asks[i], leaves_after=leaves_after(i))
            progress(i)

    began = perf_counter()
    await asyncio.gather(*(one() for _ in range(clients)))
    return [one for one in told if one is not None], perf_counter() - began


async def arriving(
    client: Client, asks: Sequence[Ask], due: Sequence[float], deadline_s: float
) -> tuple[list[Told], float]:
    """Asks that come when they come; each is given up `deadline_s` after it was due."""
    began = perf_counter()
    sent: list[asyncio.Task[Told]] = []
    for ask, offset in zip(asks, due, strict=True):
        if (pause := began + offset - perf_counter()) > 0:
            await asyncio.sleep(pause)
        sent.append(asyncio.create_task(client.ask(ask, deadline_s=deadline_s, due=began + offset)))
    told = await asyncio.gather(*sent)
    return told, perf_counter() - began


async def beside(
    client: Client, asks: Sequence[Ask], act: Callable[[], Coroutine[Any, Any, Result]]
) -> tuple[list[Told], Result]:
    """All of `asks` at once, and `act` when each of them has its first piece."""
    begun = [asyncio.Event() for _ in asks]
    sent = [asyncio.create_task(client.ask(ask, heard=one.set)) for ask, one in zip(asks, begun, strict=True)]
    over = asyncio.gather(*sent)
    await _first_of(asyncio.gather(*(one.wait() for one in begun)), over)
    result = await act()
    return list(await over), result


async def hang_up(told: "asyncio.Task[Told]") -> None:
    """End an ask as a client does that closes its connection."""
    told.cancel()
    await asyncio.wait({told})


async def _first_of(*waited: Awaitable[Any]) -> None:
    """Return when one is done; if a server answers nothing, it is that."""
    tasks = {asyncio.ensure_future(one) for one in waited}
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
