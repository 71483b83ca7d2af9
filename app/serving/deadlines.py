"""Many deadlines for one timer of the event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from app.errors import DeadlineExceeded
from app.serving.alarm import Alarm

TOGETHER_S = 0.002  # deadlines that are no further apart are kept together: each time, all that wait are looked at


class Deadlines:
    """Calls back those whose time is over. Nearly all are done long before, and are then taken off again."""

    def __init__(self) -> None:
        self._waiting: dict[object, tuple[float, Callable[[], object]]] = {}
        self._alarm = Alarm(self._ring)

    def add(self, token: object, when: float, late: Callable[[], object]) -> None:
        """Call `late` when the event loop's clock reaches `when`, unless `token` is discarded before."""
        self._waiting[token] = when, late
        self._alarm.no_later_than(when)

    def discard(self, token: object) -> None:
        self._waiting.pop(token, None)

    def until(self, when: float) -> "Until":
        return Until(self, when)

    def close(self) -> None:
        self._alarm.close()

    def _ring(self) -> None:
        now = asyncio.get_running_loop().time()
        for token, late in [(token, late) for token, (when, late) in self._waiting.items() if when <= now]:
            self.discard(token)
            late()
        if self._waiting:
            self._alarm.set(max(now + TOGETHER_S, min(when for when, _ in self._waiting.values())))


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
