"""The database behind the events, as the rest of this room sees it."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from app.events.rows import Row, StoredTable

OFF = "off"
DEFAULT = "sqlite:///events.db"
SQLITE = "sqlite:///"
POSTGRES = ("postgresql", "postgres")
ROWS_AT_A_TIME = 5_000  # read or deleted in one go


class Period(NamedTuple):
    """From `since` until before `until`, in microseconds since 1970."""

    since: int = 0
    until: int = 2**62


class Database(Protocol):
    """Every method may raise EventsUnavailable: it is tried anew, from opening, when it is called again."""

    async def open(self) -> None:
        """Bring the schema to the newest, where there is a database."""
        ...

    async def insert(self, rows: Sequence[Row]) -> None:
        """Put rows of one table on the disk, all or none; what is there by its id stays as it is.

        Raises InvalidInput if the database cannot hold one of them.
        """
        ...

    async def newest_items(self, people: Sequence[str], model: str, most: int) -> list[list[str]]:
        """The items of each person's newest events that are about this model or none, newest first."""
        ...

    async def forget(self, person: str) -> int:
        """Delete what is kept of a person; return the number of events."""
        ...

    async def expire(self, before: int) -> int:
        """Delete up to ROWS_AT_A_TIME rows of each table that are older; return how many there were."""
        ...

    def read(self, table: StoredTable, period: Period) -> AsyncGenerator[Sequence[Row], None]:
        """All rows of a table, in the order in which they came."""
        ...

    async def close(self) -> None: ...


def database_at(url: str) -> Database | None:
    """Return the database that a URL names, or None for OFF. Raises ValueError for one that cannot be used."""
    if url == OFF:
        return None
    if url.startswith(SQLITE) and len(url) > len(SQLITE):
        from app.events.sqlite import SqliteDatabase

        return SqliteDatabase(Path(url.removeprefix(SQLITE)))
    scheme = urlsplit(url).scheme
    if scheme not in POSTGRES:  # not the whole URL, which may hold a password
        raise ValueError(
            f"database_url: {scheme or url:.20} is none of sqlite:///path/to/file, "
            f"postgresql://user:password@host/name and {OFF}"
        )
    try:
        from app.events.postgres import PostgresDatabase
    except ImportError as error:
        raise ValueError("database_url: PostgreSQL needs asyncpg: pip install 'tessera[db]'") from error
    return PostgresDatabase(url)
