"""A worker that is watched: ended when it takes too long, checked when it fails, replaced when it dies.

Knows nothing of batches, callers or deadlines.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from time import perf_counter, thread_time
from typing import Generic, TypeVar

from app.serving.alarm import NEVER, Alarm
from app.serving.worker import Worker

Row = TypeVar("Row")
Answer = TypeVar("Answer")

log = logging.getLogger(__name__)

LONGEST_REST_S = 30.0  # between two tries to restore what was computed with
LONGEST_GOODBYE_S = 5.0  # for which a stopped thread is waited for
SUSPICIOUS_FAILURES = 8  # in a row: enough that chance poison is unlikely

# A run is stuck that takes this many times what is expected, and at least STUCK_AFTER_S: neither a busy machine nor
# memory that must be fetched first delays a batch for so long.
STUCK_FACTOR = 20
STUCK_AFTER_S = 2.0
HANGS_SHARE = 1 / 6  # of the patience with a run, after which it is said to hang if it cannot be interrupted
HEARD_WITHIN_S = 1.0  # an interrupt, by most kernels within a millisecond
GRACE_S = 5.0  # from an interrupt until the thread is given up


class Lane(Generic[Row, Answer]):
    """Calls `run` on a thread of its own, one list of rows at a time.

    `restore` makes `run` usable again after the thread died, or when `check` raises after some rows in a row have
    failed; meanwhile `is_alive` is false. `stuck` is told when a run is, `died` of each death, `not_restored` of each
    try that failed. Its thread gives way to others that need a core for moments, or is one of them.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Row]], Sequence[Answer]],
        *,
        check: Callable[[], object],
        restore: Callable[[], None],
        stuck: Callable[[], None],
        died: Callable[[], None],
        not_restored: Callable[[], None],
        hang_after_s: float,
        name: str,
        gives_way: bool = True,
    ) -> None:
        self._run = run
        self._check = check
        self._restore = restore
        self._stuck = stuck
        self._died = died
        self._not_restored = not_restored
        self._hang_after_s = hang_after_s
        self._name = name
        self._gives_way = gives_way
        self._loop = asyncio.get_running_loop()
        self._worker = Worker(name, gives_way=gives_way)
        self._failures = 0  # in a row
        self._stuck_at = self._hangs_at = NEVER
        self._overdue = Alarm(self._is_overdue)
        self._ends_at = NEVER  # of the event loop's clock: when its run is interrupted, if it is still at it
        self.is_alive = True
        self.is_lost = False  # dead, and not restored when that was tried last
        self.is_idle = True
        self.busy_since = self.busy_until = 0.0
        """When its run began and when it should be done, by `perf_counter`."""
        self.used_s = 0.0
        """Of a core by all its runs: a thread that waits for a core takes nothing from others."""

    @property
    def is_ready(self) -> bool:
        """False while the worker is dead, or probably hangs and cannot be told to stop."""
        return self.is_alive and (perf_counter() < self._hangs_at or self._worker.is_interruptible)

    @property
    def is_stuck(self) -> bool:
        """Whether its run takes so long that it should end if somebody waits for this lane."""
        return perf_counter() >= self._stuck_at

    async def run(self, rows: Sequence[Row], expected_s: float) -> Sequence[Answer]:
        """Answers of `rows`.

        Raises what `run` raises, Interrupted, and WorkerDied.
        """
        started = perf_counter()
        patience = max(self._hang_after_s, STUCK_FACTOR * expected_s)
        is_stuck_after = max(STUCK_AFTER_S, STUCK_FACTOR * expected_s)
        self.busy_since, self.busy_until = started, started + expected_s
        self._hangs_at, self._stuck_at = started + HANGS_SHARE * patience, started + is_stuck_after
        now = self._loop.time()
        self._ends_at = now + patience
        self._overdue.set(now + min(is_stuck_after, patience))
        try:
            return await self._worker.call(lambda: self._timed(rows), patience + min(GRACE_S, HANGS_SHARE * patience))
        finally:
            self._overdue.set(NEVER)
            self._stuck_at = self._hangs_at = NEVER
            self.busy_until = perf_counter()

    def _is_overdue(self) -> None:
        """First somebody may need the lane who waits; later the run is ended whoever waits."""
        if self._loop.time() < self._ends_at:
            self._overdue.set(self._ends_at)
            self._stuck()
        else:
            self.interrupt()

    def _timed(self, rows: Sequence[Row]) -> Sequence[Answer]:
        started = thread_time()
        try:
            return self._run(rows)
        finally:
            self.used_s += thread_time() - started

    def interrupt(self) -> None:
        """End what it runs now, if the runtime can be told; nobody needs it."""
        self._worker.interrupt()

    def relieve(self) -> None:
        """End what it runs now: by an interrupt or, if that is not heard, by giving the thread up."""
        self._stuck_at = NEVER
        self._hangs_at = perf_counter() + HEARD_WITHIN_S
        self._worker.interrupt(GRACE_S)

    async def failed(self) -> None:
        """A row failed alone. After some in a row: is it the inputs, or is what computes them broken?"""
        self._failures += 1
        if self._failures % SUSPICIOUS_FAILURES:
            return
        try:
            await self._worker.call(self._check, self._hang_after_s)
        except Exception as error:
            await self.revive(error)

    def succeeded(self) -> None:
        self._failures = 0

    async def revive(self, death: Exception) -> None:
        """Replace the thread, and restore what it ran."""
        self.is_alive = False
        self._died()
        rest_s, patience_s = 1.0, self._hang_after_s
        while True:
            log.error("%s: %r; starting another worker", self._name, death)
            self._worker.abandon()
            self._worker = Worker(self._name, gives_way=self._gives_way)
            try:
                await self._worker.call(self._restore, patience_s)
            except Exception:
                log.exception("%s: the model could not be restored; next try in %.0f s", self._name, rest_s)
                self.is_lost = True
                self._not_restored()
                await asyncio.sleep(rest_s)  # a back-off, not a wait for anything
                rest_s = min(2 * rest_s, LONGEST_REST_S)
                patience_s *= 2  # or what takes longer than that would never be restored
            else:
                self.is_alive, self.is_lost = True, False
                return

    def stop(self) -> None:
        self._overdue.close()
        self._worker.stop()

    def forget(self) -> None:
        """Refer to nobody any more, once it has ended: what ran on it may refer to this."""
        del self._run, self._check, self._restore, self._stuck, self._died, self._not_restored

    async def ended(self) -> None:
        """Wait for the thread of a stopped lane, as long as that makes sense."""
        await self._worker.ended(LONGEST_GOODBYE_S)
