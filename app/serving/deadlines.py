"""Many deadlines for one timer of the event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from math import ceil
from types import TracebackType
from typing import Self

from app.errors import DeadlineExceeded
from app.serving.alarm import NEVER, Alarm

TOGETHER_S = 0.002  # deadlines within so much ring together, the first of them so much late
FEW = 100  # moments without anybody, which are not worth looking for


class Deadlines:
    """Calls back those whose time is over. Nearly all are done long before, and are then taken off again.

    Who waits is kept by the moment at which he is called, a multiple of TOGETHER_S: so only they are looked at whose
    time has come.
    """

    def __init__(self) -> None:
        self._moment_of: dict[object, int] = {}
        self._waiting: dict[int, dict[object, Callable[[], object]]] = {}  # by moment; none is empty
        self._moments: list[int] = []  # a heap: all at which somebody waits, and some more
        self._alarm = Alarm(self._ring)

    def add(self, token: object, when: float, late: Callable[[], object]) -> None:
        """Call `late` when the event loop's clock reaches `when`, unless `token` is discarded before."""
        self.discard(token)
        if when == NEVER:
            return
        moment = ceil(when / TOGETHER_S)
        self._moment_of[token] = moment
        if (together := self._waiting.get(moment)) is not None:
            together[token] = late
        else:
            self._waiting[moment] = {token: late}
            if len(self._moments) > 2 * len(self._waiting) + FEW:
                self._moments = sorted(self._waiting)
            else:
                heappush(self._moments, moment)
        self._alarm.no_later_than(moment * TOGETHER_S)

    def discard(self, token: object) -> None:
        moment = self._moment_of.pop(token, None)
        if moment is not None:
            together = self._waiting[moment]
            del together[token]
            if not together:
                del self._waiting[moment]

    def until(self, when: float) -> "Until":
        return Until(self, when)

    def close(self) -> None:
        self._alarm.close()

    def _ring(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._moments and (self._moments[0] * TOGETHER_S <= now or self._moments[0] not in self._waiting):
            moment = heappop(self._moments)
            while together := self._waiting.get(moment):
                token = next(reversed(together))
                late = together[token]
                self.discard(token)
                late()
        if self._moments:
            self._alarm.set(self._moments[0] * TOGETHER_S)


class Until:
    """At its deadline cancel what runs inside and raise TimeoutError: `asyncio.timeout_at` without a timer."""

    __slots__ = ("_cancelling", "_deadlines", "_is_late", "_task", "_when")

    def __init__(self, deadlines: Deadlines, when: float) -> None:
        self._deadlines = deadlines
        self._when = when
        self._is_late = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self._deadlines.add(self, self._when, self._cancel)
        return self

    def hold(self) -> None:
        """Let it go on, however late it is, until it is rescheduled."""
        self._deadlines.discard(self)

    def reschedule(self, when: float) -> None:
        if not self._is_late:
            self._deadlines.add(self, when, self._cancel)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.discard(self)
        # Whoever else cancelled this task, such as a server that stops, is not kept from it.
        if self._is_late and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _cancel(self) -> None:
        self._is_late = True
        self._task.cancel()


@asynccontextmanager
async def answer_by(deadline: float) -> AsyncIterator[None]:
    """Raise DeadlineExceeded when the event loop's clock reaches `deadline`, whatever is still running then.

    Sets a timer of its own, which costs nothing beside the threads that are waited for inside.
    """
    try:
        async with asyncio.timeout_at(deadline):
            yield
    except TimeoutError:
        raise too_late() from None


def too_late() -> DeadlineExceeded:
    return DeadlineExceeded("the deadline passed before the answer was ready")
