"""Events in a file of SQLite. Several processes of one machine may share it."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from app.errors import EventsUnavailable, InvalidInput, ServiceError
from app.events.database import ROWS_AT_A_TIME, Period
from app.events.migrations import NEWEST, steps_from
from app.events.rows import EVENTS, TABLES, Row, StoredTable, table_of

Result = TypeVar("Result")
BUSY_S = 2.0  # another process may write for so long before this one gives up
COUNTED = "INTEGER PRIMARY KEY AUTOINCREMENT"
OWN = 0o600
# Committed means on the disk, and deleted means overwritten.
SETTINGS = ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON")

# Of rows, and not of the disk or the file.
ROW_FAULTS = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
ROW_FAULTS_OF_PYTHON = (UnicodeError, OverflowError)


class SqliteDatabase:
    """The file is made by the first row. Whoever reads never waits for whoever writes (WAL)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing, self._reading = _Connection(path, "BEGIN IMMEDIATE"), _Connection(path, "BEGIN")

    async def open(self) -> None:
        if self._path.exists():
            await self._writing.run(lambda connection: None)

    async def insert(self, rows: Sequence[Row]) -> None:
        table = table_of(rows)
        statement = table.inserting(f"VALUES ({', '.join('?' * len(table.columns))})")

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(statement, rows)

        await self._writing.run(work)

    async def newest_items(self, people: Sequence[str], model: str, most: int) -> list[list[str]]:
        statement = (
            f"SELECT item FROM {EVENTS.name} WHERE person = ? AND item <> '' AND model IN ('', ?) "
            "ORDER BY at DESC, seq DESC LIMIT ?"
        )

        def work(connection: sqlite3.Connection) -> list[list[str]]:
            return [[item for (item,) in connection.execute(statement, (one, model, most))] for one in people]

        return await self._reading.run(work) if self._path.exists() else [[] for _ in people]

    async def forget(self, person: str) -> int:
        def work(connection: sqlite3.Connection) -> int:
            _, events = (
                connection.execute(f"DELETE FROM {table.name} WHERE person = ?", (person,)).rowcount
                for table in reversed(TABLES)
            )
            return events

        if not self._path.exists():
            return 0
        found = await self._writing.run(work)
        await self._writing.run(lambda connection: None, after="PRAGMA wal_checkpoint(TRUNCATE)")
        return found

    async def expire(self, before: int) -> int:
        def work(connection: sqlite3.Connection) -> int:
            return sum(
                connection.execute(
                    f"DELETE FROM {table.name} WHERE seq IN "
                    f"(SELECT seq FROM {table.name} WHERE at < ? ORDER BY at LIMIT {ROWS_AT_A_TIME})",
                    (before,),
                ).rowcount
                for table in TABLES
            )

        return await self._writing.run(work) if self._path.exists() else 0

    async def read(self, table: StoredTable, period: Period) -> AsyncGenerator[Sequence[Row], None]:
        last, names = 0, ", ".join(table.columns)
        statement = (
            f"SELECT seq, {names} FROM {table.name} WHERE seq > ? AND at >= ? AND at < ? ORDER BY seq "
            f"LIMIT {ROWS_AT_A_TIME}"
        )
        while self._path.exists():
            found = await self._reading.run(partial(_all, statement, (last, *period)))
            if not found:
                return
            yield [table.row(*row[1:]) for row in found]
            last = found[-1][0]

    async def close(self) -> None:
        for one in (self._writing, self._reading):
            await one.close()


def _all(statement: str, values: Sequence[int], connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(statement, values).fetchall()


class _Connection:
    """A connection on a thread of its own. It is opened when it is needed, and again after a fault."""

    def __init__(self, path: Path, begin: str) -> None:
        self._path = path
        self._begin = begin
        self._thread = ThreadPoolExecutor(1, "events")
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    async def run(self, work: Callable[[sqlite3.Connection], Result], after: str = "") -> Result:
        """Do `work` in one transaction, and execute `after` behind it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, work, after)

    def _run(self, work: Callable[[sqlite3.Connection], Result], after: str) -> Result:
        try:
            connection = self._opened()
            with connection:
                connection.execute(self._begin)
                result = work(connection)
            if after:
                connection.execute(after).fetchall()
            return result
        except ROW_FAULTS + ROW_FAULTS_OF_PYTHON as error:
            raise InvalidInput(f"the database cannot hold this: {error}") from error
        except (sqlite3.Error, OSError) as error:
            self._close()
            raise EventsUnavailable(f"the database of events cannot be used now: {error}") from error
        except ServiceError:
            self._close()
            raise

    def _opened(self) -> sqlite3.Connection:
        # Of a file that was deleted or replaced SQLite would go on to use what nobody can read any more.
        if self._connection is not None and self._file != _identity(self._path):
            self._close()
        if self._connection is None:
            self._connection = _connected(self._path)
            self._file = _identity(self._path)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _connected(path: Path) -> sqlite3.Connection:
    """Raises OSError, sqlite3.Error, and EventsUnavailable for a schema that is too new."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, OWN))  # of nobody else: SQLite gives its other files the same mode
    connection = sqlite3.connect(path, BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        for setting in SETTINGS:
            connection.execute(f"PRAGMA {setting}").close()
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    if _version(connection) == NEWEST:
        return
    with connection:  # one process at a time, and all of it or nothing
        connection.execute("BEGIN IMMEDIATE")
        for statement in steps_from(_version(connection), COUNTED):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {NEWEST}")


def _version(connection: sqlite3.Connection) -> int:
    with closing(connection.execute("PRAGMA user_version")) as cursor:
        (version,) = cursor.fetchone()
    return int(version)
