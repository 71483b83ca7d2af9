"""Write events in groups: whatever arrives while one group is being written is the next."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from time import monotonic
from typing import Any

from app.errors import EventsUnavailable, InvalidInput, ServiceError
from app.events.database import Database
from app.events.rows import Row, StoredAnswer, StoredEvent
from app.telemetry import EventMetrics

log = logging.getLogger(__name__)

TOGETHER = 1_000  # rows of one transaction, unless a single request has more
MOST_WAITING = 20_000  # rows, of a few hundred bytes mostly
PAUSE_S = 1.0  # after a failure, in which nothing is tried
FULL_S = 0.5
ENDED = "the service stores no more events"


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Rows of one table, and who waits for them. Nobody waits for answers."""

    rows: Sequence[Row]
    done: asyncio.Future[None]
    since: float


class EventWriter:
    """One transaction at a time. A group that cannot be written is refused as a whole, to be sent again."""

    def __init__(self, database: Database, metrics: EventMetrics) -> None:
        self._database = database
        self._metrics = metrics
        self._waiting: deque[_Waiting] = deque()
        self._num_waiting = 0
        self._has_some = asyncio.Event()
        self._free = asyncio.Lock()
        self._paused_until = 0.0
        self._reason = ""
        self._has_ended = False
        metrics.waiting.set_function(lambda: self._num_waiting)

    async def put(self, events: Sequence[StoredEvent]) -> None:
        """Return when all of them are in the database. Raises EventsUnavailable, and InvalidInput as it does."""
        await self._queued(events)

    def offer(self, answer: StoredAnswer) -> bool:
        """Write an answer when there is time. False if it is dropped, since too much waits."""
        try:
            done = self._queued([answer])
        except EventsUnavailable:
            return False
        done.add_done_callback(heard)
        return True

    def _queued(self, rows: Sequence[Row]) -> asyncio.Future[None]:
        now = monotonic()
        if self._has_ended:
            raise EventsUnavailable(ENDED, retry_after_s=FULL_S)
        if now < self._paused_until:
            raise EventsUnavailable(self._reason, retry_after_s=self._paused_until - now)
        if self._num_waiting + len(rows) > MOST_WAITING:
            raise EventsUnavailable(f"{self._num_waiting} events wait to be written", retry_after_s=FULL_S)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(rows, done, now))
        self._num_waiting += len(rows)
        self._has_some.set()
        return done

    async def run(self) -> None:
        """Write until this is cancelled; what waits then is refused."""
        try:
            while True:
                await self._has_some.wait()
                async with self._free:
                    if self._waiting:  # `forget` may have written them meanwhile
                        await self._write(self._group())
        finally:
            self._has_ended = True
            while self._waiting:
                self._settle(self._group(), EventsUnavailable(ENDED))

    async def forget(self, person: str) -> int:
        """Delete what is kept of a person, and what he did that waits to be written; return how many events."""
        async with self._free:
            while any(person in (row.person for row in one.rows) for one in self._waiting):
                await self._write(self._group())
            return await self._database.forget(person)

    async def expire(self, before: int) -> int:
        async with self._free:
            return await self._database.expire(before)

    def _group(self) -> list[_Waiting]:
        """Requests of one kind of rows, as they came, whole."""
        group = [self._waiting.popleft()]
        size = len(group[0].rows)
        while (
            self._waiting
            and size + len(self._waiting[0].rows) <= TOGETHER
            and type(self._waiting[0].rows[0]) is type(group[0].rows[0])
        ):
            group.append(self._waiting.popleft())
            size += len(group[-1].rows)
        self._num_waiting -= size
        if not self._waiting:
            self._has_some.clear()
        return group

    async def _write(self, group: Sequence[_Waiting]) -> None:
        try:
            await self._database.insert([row for one in group for row in one.rows])
        except InvalidInput as error:
            if len(group) == 1:
                return self._settle(group, error)
            for one in group:  # only the one at fault is refused
                await self._write([one])
        except EventsUnavailable as error:
            if not self._reason:
                log.error("events are refused: %s (%s)", error, error.cause)
            self._paused_until, self._reason = monotonic() + PAUSE_S, str(error)
            self._settle(group, error)
        except Exception:  # the next group is tried all the same
            log.exception("events could not be written")
            self._settle(group, EventsUnavailable("the events could not be written; the log has the reason"))
        else:
            if self._reason:
                log.info("events are stored again")
                self._reason = ""
            self._settle(group, None)
        finally:  # of those who were told nothing yet
            self._settle(group, EventsUnavailable("the writing of events was broken off"))

    def _settle(self, group: Sequence[_Waiting], error: ServiceError | None) -> None:
        now = monotonic()
        for one in group:
            if error is None:
                self._metrics.written([row.kind for row in one.rows if isinstance(row, StoredEvent)], now - one.since)
            if one.done.done():  # whoever sent them has left
                continue
            if error is None:
                one.done.set_result(None)
            else:
                one.done.set_exception(copy(error))  # each is raised somewhere else


def heard(done: asyncio.Future[Any]) -> None:
    """Take the error of what nobody may be waiting for any more."""
    if not done.cancelled():
        done.exception()
