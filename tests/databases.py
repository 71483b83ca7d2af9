"""Databases for tests: files of SQLite, and a real PostgreSQL where its programs are."""

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from app.events.database import database_at
from app.events.rows import StoredEvent
from app.events.store import EventStore
from app.telemetry import Telemetry

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))  # where Debian puts them, newest last
FIRST = 1_790_000_000_000_000  # microseconds since 1970
QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"  # nobody pulls the plug in a test


class PostgresServer:
    """A server that listens on a socket in its folder and nowhere else."""

    def __init__(self, folder: Path) -> None:
        self._programs = PROGRAMS[-1].parent
        self._folder = folder
        self._url = f"postgresql://postgres@/postgres?host={folder}"
        # It refuses to run as root.
        as_postgres = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
        self._as: Sequence[str] = as_postgres if os.geteuid() == 0 else ()
        if self._as:
            who = pwd.getpwnam("postgres")
            os.chown(folder, who.pw_uid, who.pw_gid)
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "--locale=C")
        self.start()

    def start(self) -> None:
        options = f"-k {self._folder} -c listen_addresses='' {QUICK}"
        self._run("pg_ctl", "--wait", f"--options={options}", f"--log={self._folder}/log", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "--wait", "--mode=fast", "stop")

    def new_schema(self) -> str:
        """Make an empty schema, in a hundredth of the time of a database, and return its URL."""
        import asyncpg

        name = f"test_{token_hex(4)}"

        async def make() -> None:
            connection = await asyncpg.connect(self._url)
            await connection.execute(f"CREATE SCHEMA {name}")
            await connection.close()

        asyncio.run(make())
        return f"{self._url}&search_path={name}"

    def _run(self, program: str, *arguments: str) -> None:
        data = f"--pgdata={self._folder}/data"
        subprocess.run(
            [*self._as, str(self._programs / program), data, *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        )


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    if not PROGRAMS:
        pytest.skip("PostgreSQL is not installed")
    # Not in pytest's folders, which are closed to other users; and the path of a socket may be no longer than 107.
    folder = Path(tempfile.mkdtemp(prefix="tessera-"))
    try:
        server = PostgresServer(folder)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def stored(number: int, **fields: object) -> StoredEvent:
    """An event of the user "ann", so many microseconds after the first."""
    at = FIRST + number
    known = StoredEvent("", str(number), "view", at, at, "ann", "", '"tea"', "", None, "")
    return known._replace(**fields)


@asynccontextmanager
async def running(url: str, **options: Any) -> AsyncIterator[EventStore]:
    """The events of a service, which writes them meanwhile."""
    database = database_at(url)
    assert database is not None
    store = EventStore(database, Telemetry().events, **options)
    task = asyncio.create_task(store.run())
    try:
        yield store
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):  # but no error of the task itself
            await task
