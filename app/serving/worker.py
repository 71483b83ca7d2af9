"""A thread that computes for the event loop. Knows nothing of batches or models."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


class WorkerDied(Exception):
    """The thread ended, or did not come back, while it had something to do."""


class Worker:
    """One thread that runs one blocking function at a time.

    Unlike an executor it says so when its thread dies: the call that it was serving fails with WorkerDied.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._end: asyncio.Future[None] = self._loop.create_future()
        # A daemon, because a kernel that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def call(self, function: Callable[[], Result], timeout_s: float) -> Result:
        """Raises what `function` raises, and WorkerDied if it has not returned after `timeout_s`."""
        answer: asyncio.Future[Result] = self._loop.create_future()
        self._calls.put((function, answer))
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            if not answer.cancelled():  # the function's own TimeoutError
                raise
            raise WorkerDied(f"no answer within {timeout_s:.0f} s") from None

    def stop(self) -> None:
        """Let the thread end when it has finished what it does now."""
        self._calls.put(None)

    async def ended(self, timeout_s: float) -> bool:
        """Wait for the thread of a stopped worker; return whether it ended in time."""
        # Not with `join` on some other thread: of those there are few, and hanging workers would take them all.
        done, _ = await asyncio.wait({self._end}, timeout=timeout_s)
        return bool(done)

    def _work(self) -> None:
        answer: asyncio.Future[Any] | None = None
        try:
            while (call := self._calls.get()) is not None:
                function, answer = call
                try:
                    result = function()
                except StopIteration as error:  # which no future takes
                    self._tell(answer, error=RuntimeError(f"{function} raised {error!r}"))
                except Exception as error:
                    self._tell(answer, error=error)
                else:
                    self._tell(answer, result=result)
                answer = None
        finally:
            if answer is not None:  # SystemExit and its like end a thread without a word
                self._tell(answer, error=WorkerDied("the worker thread ended"))
            self._tell(self._end)

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
