"""Threads for the work on single items, before and after the batch. Knows nothing of models or batches."""

import asyncio
import threading
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

from app.abandoned import Abandoned, wanted_while
from app.niceness import give_way
from app.seconds_of_thread import used_s
from app.serving.interpreter import Hurry
from app.serving.shares import LONG_S, NOBODY, Line, Share, Shares, new_ticket

Item = TypeVar("Item")
Result = TypeVar("Result")

LEAST_S = 0.0001  # is said to take an item of which nothing is known
PART_S = 0.001  # of a request, that is begun at a time, if its items take less
STACK_BYTES = 2**23  # of a thread, whatever the system's limit: native code that reads inputs may call itself


@dataclass(slots=True, eq=False)
class _Job:
    """The items of one request. It has a ticket while some of them, from `begun` on, have not been begun."""

    function: Callable[[Any], Any]
    items: Sequence[Any]
    item_s: Sequence[float]
    item_bytes: Sequence[int]
    share: Share
    turn: float
    future: asyncio.Future[list[Any]] | None
    """None once it is told, for the same reason as in `_work_once`."""
    results: list[Any]
    ticket: int = 0
    begun: int = 0
    running: int = 0  # parts
    is_wanted: bool = True
    fault: tuple[int, BaseException] | None = None  # of the first item that failed, and its position


@dataclass(frozen=True, slots=True)
class _Running:
    """A part of a job, on a thread since then."""

    job: _Job
    part: range
    expected_s: float
    since: float


class Pool:
    """A few threads that work on the items of many requests, with equal shares of their time for each caller.

    One thread more than `num_threads` serves callers who ask for little, while all others serve callers who ask for
    much. What is worked on at a time takes no more than `max_bytes` of memory, unless a single item does.
    """

    def __init__(self, num_threads: int, name: str, max_bytes: int = 2**63) -> None:
        self._num_threads = num_threads
        self._max_bytes = max_bytes
        self._shares = Shares()
        # What takes much memory waits in a line of its own, so that others go on while there is none for it.
        self._small: Line[_Job] = Line()
        self._large: Line[_Job] = Line()
        self._jobs: set[_Job] = set()
        self._running: dict[int, _Running] = {}  # by the number of the thread; the last is the one more
        self._bytes = 0
        self._is_open = True
        self._changed = threading.Condition()
        self._busy_since: float | None = None
        self._hurry = Hurry(lambda: self._busy_since)
        usual = threading.stack_size(STACK_BYTES)
        for number in range(num_threads + 1):
            # Daemons, because whatever hangs there must not keep the process from ending.
            threading.Thread(target=self._work, args=(number,), name=f"{name}-{number}", daemon=True).start()
        threading.stack_size(usual)

    async def map(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        item_s: Sequence[float],
        item_bytes: Sequence[int] | None = None,
        *,
        caller: Hashable = "",
        weight: float = 1.0,
    ) -> list[Result]:
        """Call `function` with each item, several at a time; return the results in the order of the items.

        Of each item `item_s` says how many seconds it should take, `item_bytes` how much memory if that is much.
        Raises what the function raises of the first item that fails. No other is begun then, nor when the caller of
        this is cancelled.
        """
        if not items:
            return []
        loop = asyncio.get_running_loop()
        self._hurry.begins(loop.time())
        future: asyncio.Future[list[Result]] = loop.create_future()
        seconds = [max(LEAST_S, one) for one in item_s]
        with self._changed:
            share = self._shares.of(caller, weight)
            self._shares.waits(share, sum(seconds), len(items))
            job = _Job(
                function, items, seconds, item_bytes or [0] * len(items), share, perf_counter(), future,
                [None] * len(items),
            )  # fmt: skip
            self._jobs.add(job)
            self._line_up(job)
            self._changed.notify_all()
        try:
            return await future
        finally:
            with self._changed:
                self._jobs.discard(job)
                self._drop(job)
            del job, future

    async def run(self, function: Callable[[], Result], expected_s: float, *, caller: Hashable = "") -> Result:
        """Call `function`, which should take so many seconds."""
        (result,) = await self.map(lambda _: function(), (None,), (expected_s,), caller=caller)
        return result

    def wait_s(self, caller: Hashable = "", seconds: float = 0.0, weight: float = 1.0) -> float:
        """Return in how many seconds `seconds` of new work of this caller would begin; 0 if a thread is free."""
        with self._changed:
            if len(self._running) < self._num_threads:
                return 0.0
            share, now = self._shares.of(caller, weight), perf_counter()
            before = share.waiting_s + self._shares.seconds_before(share, share.waiting_s + seconds)
            running = () if self._goes_ahead(share) else self._running.values()
            rest = sum(max(0.0, one.since + one.expected_s - now) for one in running)
            return (rest + before) / self._num_threads

    def close(self) -> None:
        """Let the threads end when they have finished what they do now; cancel what waits."""
        with self._changed:
            self._is_open = False
            self._hurry.close()
            for job in self._jobs:
                if job.future:
                    _tell(job.future, None, None)
            self._changed.notify_all()

    def _work(self, number: int) -> None:
        if number < self._num_threads:
            give_way()
        with self._changed:
            while self._is_open:
                if not self._work_once(number):
                    self._changed.wait(self._patience_s(number))

    def _patience_s(self, number: int) -> float | None:
        """Return when to look again though nothing has changed: what runs longer than it should is much by then."""
        is_watching = number == self._num_threads and self._small.first() is not None
        return LONG_S if is_watching else None

    def _work_once(self, number: int) -> bool:
        """Work on a part of a job; false if there is none for this thread. While it waits it must hold no items."""
        job = self._next() if number < self._num_threads else self._next_of_little()
        if job is None:
            return False
        running = self._running[number] = self._begin(job)
        if self._busy_since is None:
            self._busy_since = running.since
        self._changed.release()
        before_s = used_s()
        try:
            fault = _run(job, running.part)
        finally:
            taken_s = used_s() - before_s  # of a core: a thread that waits for one takes nothing from others
            self._changed.acquire()
            del self._running[number]
            if not self._running and not self._next():
                self._busy_since = None
        self._end(running, taken_s, fault)
        del fault  # or the error, its traceback and this frame would hold each other
        return True

    def _next(self) -> _Job | None:
        small, large = self._small.first(), self._large.first()
        if large and self._bytes and self._bytes + large.item_bytes[large.begun] > self._max_bytes:
            large = None
        return min((one for one in (small, large) if one), key=lambda one: (one.share.round, one.turn), default=None)

    def _next_of_little(self) -> _Job | None:
        return self._small.first(self._goes_ahead) if self._goes_ahead(NOBODY) else None

    def _goes_ahead(self, share: Share) -> bool:
        """Return whether all threads are busy with items that this share need not wait for."""
        now = perf_counter()
        running = [one for number, one in self._running.items() if number < self._num_threads]
        return len(running) == self._num_threads and all(
            share.is_light_beside(one.job.share, now - one.since) for one in running
        )

    def _begin(self, job: _Job) -> _Running:
        """The next part of a job; what is left of it lines up again."""
        end, seconds = job.begun + 1, job.item_s[job.begun]
        while end < len(job.items) and seconds + job.item_s[end] <= PART_S and not job.item_bytes[end]:
            seconds += job.item_s[end]
            end += 1
        part = range(job.begun, end)
        self._shares.leads((self._next() or job).share)  # who is let ahead of the next may have had far more
        self._shares.waits_no_more(job.share, seconds, len(part))
        self._shares.starts(job.share, seconds)
        self._bytes += job.item_bytes[part.start]
        job.ticket, job.begun, job.turn = 0, end, job.turn + seconds
        job.running += 1
        if end < len(job.items):
            self._line_up(job)
        return _Running(job, part, seconds, perf_counter())

    def _end(self, running: _Running, taken_s: float, fault: tuple[int, BaseException] | None) -> None:
        job = running.job
        self._shares.ends(job.share, running.expected_s, taken_s)
        job.running -= 1
        if job.item_bytes[running.part.start]:
            self._bytes -= job.item_bytes[running.part.start]
            self._changed.notify_all()
        if fault:
            # Items are begun in order, so one that failed before this one has been begun, too.
            job.fault = min(job.fault or fault, fault, key=lambda one: one[0])
            self._drop(job)
        if not job.running and not job.ticket:
            future, fault, job.future, job.fault = job.future, job.fault, None, None
            if future:
                _tell(future, job.results, fault[1] if fault else None)

    def _line_up(self, job: _Job) -> None:
        job.ticket = new_ticket()
        (self._large if job.item_bytes[job.begun] else self._small).push(job)

    def _drop(self, job: _Job) -> None:
        """Begin no more of a job."""
        job.is_wanted = False
        if job.ticket:
            job.ticket = 0
            self._shares.waits_no_more(job.share, sum(job.item_s[job.begun :]), len(job.items) - job.begun)
        for line in (self._small, self._large):
            line.sweep(len(self._jobs))


def _run(job: _Job, part: range) -> tuple[int, BaseException] | None:
    """Put the results of a part where they belong. Returns its first fault."""
    with wanted_while(lambda: job.is_wanted):
        for position in part:
            if not job.is_wanted:
                break
            try:
                job.results[position] = job.function(job.items[position])
            except Abandoned:  # its caller has left, or another item has failed, whose fault is told
                break
            except StopIteration as error:  # which no future takes
                return position, RuntimeError(f"{error!r}")
            except BaseException as error:  # SystemExit and its like would end the thread without a word
                return position, error if isinstance(error, Exception) else RuntimeError(f"{error!r}")
    return None


def _tell(future: asyncio.Future[list[Any]], results: list[Any] | None, error: BaseException | None) -> None:
    """Settle a future, from any thread: with results, with an error or, without either, by cancelling it."""

    def tell() -> None:
        if future.done():  # nobody waits any more
            return
        if error:
            future.set_exception(error)
        elif results is None:
            future.cancel()
        else:
            future.set_result(results)

    with suppress(RuntimeError):  # the loop is closed
        future.get_loop().call_soon_threadsafe(tell)
