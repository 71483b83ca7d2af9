"""Threads for the work on single items, before and after the batch. Knows nothing of models or batches."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class Pool:
    """A few threads with a queue whose length, in seconds, is known."""

    def __init__(self, num_threads: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(num_threads, thread_name_prefix=name)
        self._num_threads = num_threads
        self._num_jobs = 0
        self._expected_s = 0.0

    @property
    def wait_s(self) -> float:
        """When new work would start, by what the work before it was expected to take; 0 if a thread is free."""
        return self._expected_s / self._num_threads if self._num_jobs >= self._num_threads else 0.0

    async def run(self, function: Callable[[Callable[[], bool]], Result], expected_s: float) -> Result:
        """Call `function(is_wanted)` on a thread.

        When the caller of this is cancelled, work that has not started never does, and `is_wanted` turns false
        for work that has: a thread cannot be stopped, but it can look up now and then.
        """
        unwanted = threading.Event()
        self._num_jobs += 1
        self._expected_s += expected_s
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, _raising_errors, function, lambda: not unwanted.is_set()
            )
        finally:
            self._num_jobs -= 1
            self._expected_s -= expected_s
            unwanted.set()

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _raising_errors(function: Callable[[Callable[[], bool]], Result], is_wanted: Callable[[], bool]) -> Result:
    try:
        return function(is_wanted)
    except (StopIteration, SystemExit, KeyboardInterrupt) as error:
        # A future does not take the first, whose caller would wait for ever; the others would end the event loop.
        raise RuntimeError(f"the work raised {error!r}") from error
