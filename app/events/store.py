"""The events of a service: kept, looked up and forgotten."""

import asyncio
import hmac
import logging
import time
from collections.abc import Sequence
from hashlib import sha256

from pydantic import SecretStr
from pydantic_core import from_json

from app.errors import EventsUnavailable, ServiceError
from app.events.database import Database, database_at
from app.events.rows import StoredAnswer, StoredEvent
from app.events.writer import EventWriter, heard
from app.telemetry import EventMetrics

log = logging.getLogger(__name__)

MOST_READ = 500  # events of one person, the newest; models read far fewer
AT_A_TIME = 16  # people who are looked up
EXPIRE_EVERY_S, EXPIRE_PAUSE_S = 3600.0, 0.1
LOOK_UP_S = 2.0  # for all users of a request
DAY_US = 86_400_000_000


class EventStore:
    """Events in a database. One that is acknowledged is on its disk, and counts in the next look-up of any service.

    Nothing is cached: what one service stores or forgets holds at once for all that share the database. With `pepper`
    people are stored as HMAC-SHA256 of their ids (RFC 2104). After `days` events are deleted; 0 keeps them.
    """

    def __init__(self, database: Database, metrics: EventMetrics, *, pepper: str = "", days: int = 0) -> None:
        self.days = days
        self._database = database
        self._metrics = metrics
        self._writer = EventWriter(database, metrics)
        self._pepper = pepper.encode()

    def person(self, user: str) -> str:
        """Return the name under which a user is stored."""
        return hmac.new(self._pepper, user.encode(), sha256).hexdigest() if user and self._pepper else user

    async def keep(self, events: Sequence[StoredEvent]) -> None:
        """Return when all events are on the disk. Raises EventsUnavailable, or InvalidInput, and then none is."""
        try:
            await self._writer.put(events)
        except ServiceError as error:
            self._metrics.refused.labels(type(error).__name__).inc(len(events))
            raise

    def keep_answer(self, answer: StoredAnswer) -> None:
        """Store an answer soon, or drop it: nobody waits for that."""
        if not self._writer.offer(answer):
            self.drop_answer()

    def drop_answer(self) -> None:
        """Count an answer that nobody had time to keep."""
        self._metrics.answers_dropped.inc()

    async def histories(self, users: Sequence[str], model: str) -> list[list[int | str]]:
        """Return the different items of each user's newest events, in the order of the last event of each.

        Of events that name a model only those of this one count. Raises EventsUnavailable.
        """
        people = [self.person(user) for user in users]
        looking = asyncio.ensure_future(self._looked_up(people, model))
        looking.add_done_callback(heard)
        try:
            # Not `timeout`: a driver may take long to give up, and nobody need wait for that.
            await asyncio.wait({looking}, timeout=LOOK_UP_S)
        finally:
            looking.cancel()
        if not looking.done():
            raise EventsUnavailable(f"the database of events took more than {LOOK_UP_S:g} s")
        return looking.result()

    async def _looked_up(self, people: Sequence[str], model: str) -> list[list[int | str]]:
        """Others are served between some people and the next: to read what came of them takes milliseconds."""
        found: list[list[int | str]] = []
        for start in range(0, len(people), AT_A_TIME):
            some = await self._database.newest_items(people[start : start + AT_A_TIME], model, MOST_READ)
            found += [[from_json(item) for item in reversed(dict.fromkeys(newest))] for newest in some]
        return found

    async def forget(self, user: str) -> int:
        """Delete all that is kept of a user; return the number of events. Raises EventsUnavailable."""
        return await self._writer.forget(self.person(user))

    async def run(self) -> None:
        """Write and expire until this is cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._writer.run())
                tasks.create_task(self._open())
                if self.days:
                    tasks.create_task(self._expire())
        finally:
            await self._database.close()

    async def _open(self) -> None:
        """Migrate before somebody waits for it; where that fails, the first event tries again."""
        try:
            await self._database.open()
        except Exception as error:
            log.error("no events can be stored: %s", error)

    async def _expire(self) -> None:
        while True:
            pause_s = EXPIRE_EVERY_S
            try:
                if await self._writer.expire(time.time_ns() // 1000 - self.days * DAY_US):
                    pause_s = EXPIRE_PAUSE_S  # there may be more, and events go between
            except Exception as error:
                log.warning("old events are not deleted yet: %s", error)
            await asyncio.sleep(pause_s)


def events_at(url: str, metrics: EventMetrics, pepper: SecretStr, days: int) -> EventStore | None:
    """Return the events in the database that a URL names, None if it is OFF. Raises ValueError for an unusable one."""
    database = database_at(url)
    return EventStore(database, metrics, pepper=pepper.get_secret_value(), days=days) if database else None
