"""Events in PostgreSQL, which any number of services share. Only this file knows asyncpg."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg

from app.errors import EventsUnavailable, InvalidInput
from app.events.database import ROWS_AT_A_TIME, Period
from app.events.migrations import NEWEST, steps_from
from app.events.rows import TABLES, Row, StoredTable, columns_of_rows, table_of

CONNECTIONS = 4  # of one service: one writes, the others look up users
CONNECT_S, STATEMENT_S = 3.0, 5.0
LOCK = 0x7E55E7A  # of the schema, among those who know it
COUNTED = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
SCHEMA = "tessera_schema"
# Classes of SQLSTATE whose cause are the rows: values, constraints, and what a trigger raises.
ROW_FAULTS = ("22", "23", "P0")


class PostgresDatabase:
    """Committed is as durable as the server's `synchronous_commit` makes it, which by default means on its disk."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool | None = None
        self._is_migrated = False
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        async with self._connection():
            pass

    async def insert(self, rows: Sequence[Row]) -> None:
        table = table_of(rows)
        arrays = ", ".join(f"${i}::{kind}[]" for i, kind in enumerate(table.types, 1))
        async with self._connection() as connection:
            await connection.execute(table.inserting(f"SELECT * FROM unnest({arrays})"), *columns_of_rows(table, rows))

    async def newest_items(self, people: Sequence[str], model: str, most: int) -> list[list[str]]:
        statement = (
            "SELECT array(SELECT item FROM tessera_events WHERE person = asked.person AND item <> '' "
            "AND model IN ('', $2) ORDER BY at DESC, seq DESC LIMIT $3) "
            "FROM unnest($1::text[]) WITH ORDINALITY AS asked(person, place) ORDER BY place"
        )
        async with self._connection() as connection:
            return [row[0] for row in await connection.fetch(statement, people, model, most)]

    async def forget(self, person: str) -> int:
        async with self._connection() as connection, connection.transaction():
            _, events = [
                await connection.execute(f"DELETE FROM {table.name} WHERE person = $1", person)
                for table in reversed(TABLES)
            ]
        return _count(events)

    async def expire(self, before: int) -> int:
        expired = 0
        async with self._connection() as connection:
            for table in TABLES:
                expired += _count(
                    await connection.execute(
                        f"DELETE FROM {table.name} WHERE seq IN "
                        f"(SELECT seq FROM {table.name} WHERE at < $1 ORDER BY at LIMIT {ROWS_AT_A_TIME})",
                        before,
                    )
                )
        return expired

    async def read(self, table: StoredTable, period: Period) -> AsyncGenerator[Sequence[Row], None]:
        last, names = 0, ", ".join(table.columns)
        statement = (
            f"SELECT seq, {names} FROM {table.name} WHERE seq > $1 AND at >= $2 AND at < $3 ORDER BY seq "
            f"LIMIT {ROWS_AT_A_TIME}"
        )
        while True:
            async with self._connection() as connection:
                found = await connection.fetch(statement, last, *period)
            if not found:
                return
            yield [table.row(*tuple(row)[1:]) for row in found]
            last = found[-1]["seq"]

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection to a database with our schema. What fails within becomes EventsUnavailable or InvalidInput."""
        is_ours = False
        try:
            async with (await self._opened()).acquire(timeout=STATEMENT_S) as connection:
                async with self._opening:
                    if not self._is_migrated:
                        await _migrate(connection)
                        self._is_migrated = True
                is_ours = True
                yield connection
        except (
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
            OSError,
            ValueError,
        ) as error:
            if is_ours and _is_about_rows(error):
                raise InvalidInput("the database cannot hold this") from error
            self._is_migrated = False  # whoever comes back may be another one
            # Only the kind of the error: its words may name hosts and users.
            raise EventsUnavailable(f"the database of events does not answer now: {type(error).__name__}") from error

    async def _opened(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                pool = asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=CONNECTIONS,
                    timeout=CONNECT_S,
                    command_timeout=STATEMENT_S,
                    server_settings={"application_name": "tessera"},
                )
                await pool
                self._pool = pool
        return self._pool


def _is_about_rows(error: Exception) -> bool:
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(ROW_FAULTS)
    return isinstance(error, ValueError)  # a value that asyncpg cannot encode


def _count(tag: str) -> int:
    """Return the number in a command tag such as DELETE 3."""
    return int(tag.rpartition(" ")[2])


async def _migrate(connection: asyncpg.Connection) -> None:
    """Raises EventsUnavailable if the schema is newer than this service."""
    if await _version(connection) == NEWEST:
        return
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)  # one service at a time
        # The look-up of a name may still say what it said before the lock; this looks again.
        await connection.execute(f"CREATE TABLE IF NOT EXISTS {SCHEMA} (version INTEGER NOT NULL)")
        for statement in steps_from(await _stated(connection), COUNTED):
            await connection.execute(statement)
        await connection.execute(f"DELETE FROM {SCHEMA}")
        await connection.execute(f"INSERT INTO {SCHEMA} VALUES ($1)", NEWEST)


async def _version(connection: asyncpg.Connection) -> int:
    is_there = await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", SCHEMA)
    return await _stated(connection) if is_there else 0


async def _stated(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval(f"SELECT coalesce(max(version), 0) FROM {SCHEMA}"))
