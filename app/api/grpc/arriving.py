"""Places for messages that are being received: of one, nothing is known before it is whole."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.errors import Overloaded

Received = TypeVar("Received")

SLOW_S = 2.0  # after which a message makes room for others that wait


class Arriving:
    """At most `places` messages are received at a time, half of them from one caller.

    Others wait unread, held back by flow control. While they do, what takes longer than `slow_s` is refused.
    """

    def __init__(self, places: int, slow_s: float = SLOW_S) -> None:
        self._places = asyncio.Semaphore(places)
        self._most_of_one = max(1, places // 2)
        self._slow_s = slow_s
        self._waiting = 0
        self._callers: Counter[str] = Counter()
        self._places_of: dict[str, asyncio.Semaphore] = {}

    async def receive(self, caller: str, read: Callable[[], Awaitable[Received]]) -> Received:
        """Return the message that `read` gives when it is whole. Raises Overloaded if it makes room for others."""
        self._callers[caller] += 1
        theirs = self._places_of.setdefault(caller, asyncio.Semaphore(self._most_of_one))
        try:
            async with theirs:
                self._waiting += 1
                try:
                    await self._places.acquire()
                finally:
                    self._waiting -= 1
                try:
                    return await self._whole(read, caller)
                finally:
                    self._places.release()
        finally:
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller], self._places_of[caller]

    async def _whole(self, read: Callable[[], Awaitable[Received]], caller: str) -> Received:
        reading = asyncio.ensure_future(read())
        try:
            while not (await asyncio.wait({reading}, timeout=self._slow_s))[0]:
                if self._waiting or self._callers[caller] > self._most_of_one:
                    raise Overloaded("this message arrives slowly, and others wait for its place", 1.0)
            return reading.result()
        finally:
            reading.cancel()
