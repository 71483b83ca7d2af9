"""A thread that computes for the event loop. Knows nothing of batches or models."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from app.niceness import NICEST, give_way
from app.runtimes.interrupt import Interrupt
from app.serving.alarm import NEVER, Alarm

Result = TypeVar("Result")
Call = tuple[Callable[[], Any], asyncio.Future[Any], Interrupt]


class WorkerDied(Exception):
    """The thread ended, or did not come back, while it had something to do."""


class WorkerHangs(WorkerDied):
    """It did not come back."""


class Worker:
    """One thread that runs one blocking function at a time.

    Unlike an executor it says so when its thread dies: the call that it was serving fails with WorkerDied.
    With `gives_way`, the event loop and others that need a core for moments go first.
    """

    def __init__(self, name: str, *, gives_way: bool = False) -> None:
        self._loop = asyncio.get_running_loop()
        self._interrupt, self._patience = Interrupt(), Alarm(self._hangs)
        self._asked: asyncio.Future[Any] | None = None
        self._is_stopped = False
        self._gives_way = gives_way
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._end: asyncio.Future[None] = self._loop.create_future()
        # A daemon, because a kernel that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def call(self, function: Callable[[], Result], timeout_s: float) -> Result:
        """Raises what `function` raises, WorkerHangs if it has not returned after `timeout_s`, and WorkerDied."""
        answer: asyncio.Future[Result] = self._loop.create_future()
        self._interrupt, self._asked = Interrupt(), answer
        self._patience.set(self._loop.time() + timeout_s)
        self._calls.put((function, answer, self._interrupt))
        try:
            return await answer
        finally:
            self._asked = None
            if self._is_stopped:
                self._patience.close()
            else:
                self._patience.set(NEVER)

    def _hangs(self) -> None:
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(WorkerHangs("no answer within its time"))

    @property
    def is_interruptible(self) -> bool:
        """Whether what it computes just now should end if it were interrupted."""
        return self._interrupt.is_heard and not self._interrupt.is_set

    def interrupt(self, grace_s: float | None = None) -> None:
        """End what it computes now, where the runtime can be told; the call fails with Interrupted.

        With `grace_s`, the call fails with WorkerDied if that has not helped so many seconds later.
        """
        self._interrupt.set()
        if grace_s is not None and self._asked is not None:
            self._patience.no_later_than(self._loop.time() + grace_s)

    def stop(self) -> None:
        """Let the thread end when it has finished what it does now, and make that soon."""
        self._is_stopped = True
        self._calls.put(None)
        self.interrupt()
        if self._asked is None:
            self._patience.close()

    def abandon(self) -> None:
        """Stop it, though it may compute for ever: whatever else needs a core goes before."""
        self.stop()
        give_way(self._thread, NICEST)

    async def ended(self, timeout_s: float) -> bool:
        """Wait for the thread of a stopped worker; return whether it ended in time."""
        # Not with `join` on some other thread: of those there are few, and hanging workers would take them all.
        done, _ = await asyncio.wait({self._end}, timeout=timeout_s)
        return bool(done)

    def _work(self) -> None:
        if self._gives_way:
            give_way()
        call: Call | None = None
        try:
            while (call := self._calls.get()) is not None:
                self._answer(*call)
                call = None  # what it computed last does not stay in memory until it computes again
        finally:
            if call is not None:  # SystemExit and its like end a thread without a word
                self._tell(call[1], error=WorkerDied("the worker thread ended"))
            self._tell(self._end)

    def _answer(self, function: Callable[[], Any], answer: asyncio.Future[Any], interrupt: Interrupt) -> None:
        try:
            with interrupt.here():
                result = function()
        except StopIteration as error:  # which no future takes
            self._tell(answer, error=RuntimeError(f"{function} raised {error!r}"))
        except Exception as error:
            self._tell(answer, error=error)
        else:
            self._tell(answer, result=result)

    def _tell(self, answer: asyncio.Future[Any], result: Any = None, error: Exception | None = None) -> None:
        def tell() -> None:
            if answer.done():  # nobody waits any more
                return
            if error is None:
                answer.set_result(result)
            else:
                answer.set_exception(error)

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(tell)


@contextmanager
def working(name: str) -> Iterator[Worker]:
    """Return a thread that gives way, and is left alone in the end, whatever it still waits for."""
    worker = Worker(name, gives_way=True)
    try:
        yield worker
    finally:
        worker.abandon()


async def call_aside(function: Callable[[], Result], timeout_s: float, name: str) -> Result:
    """Call a function on a thread of its own. Raises as `Worker.call` does."""
    with working(name) as worker:
        return await worker.call(function, timeout_s)
