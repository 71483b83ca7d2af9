"""Events and answers as a file, for whoever looks at them elsewhere. Only this file knows pyarrow."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from app.events.database import Database, Period
from app.events.moments import moment_of
from app.events.rows import REAL, TEXT, WHOLE, Row, StoredTable
from app.whole_file import replacing

CSV, PARQUET = ".csv", ".parquet"
MOMENTS = ("at", "received")
Write = Callable[[Sequence[Sequence[Any]]], None]


async def export(database: Database, table: StoredTable, period: Period, path: Path) -> int:
    """Write the rows of a period to `path`, whole or not at all; return how many there were. Memory stays bounded.

    Raises ValueError for another kind of file, or where pyarrow is missing; OSError, and EventsUnavailable.
    """
    if path.suffix not in (CSV, PARQUET):
        raise ValueError(f"{path} ends neither with {CSV} nor with {PARQUET}")
    count = 0
    with replacing(path) as temporary, (_csv if path.suffix == CSV else _parquet)(temporary, table) as write:
        async for rows in database.read(table, period):
            write([_told(table, row) for row in rows])
            count += len(rows)
    return count


def _told(table: StoredTable, row: Row) -> list[Any]:
    """Return the values of a row: a moment as such, and an item as its id or title."""
    return [_value(column, value) for column, value in zip(table.columns, row, strict=True)]


def _value(column: str, value: Any) -> Any:
    if column in MOMENTS:
        return moment_of(value)
    return str(json.loads(value)) if column == "item" and value else value


@contextmanager
def _csv(path: Path, table: StoredTable) -> Iterator[Write]:
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(table.columns)

        def write(rows: Sequence[Sequence[Any]]) -> None:
            lines.writerows([_in_words(value) for value in row] for row in rows)

        yield write


def _in_words(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


@contextmanager
def _parquet(path: Path, table: StoredTable) -> Iterator[Write]:
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError as error:
        raise ValueError(f"{PARQUET} needs pyarrow: pip install pyarrow; {CSV} needs nothing") from error
    kinds = {TEXT: pyarrow.string(), WHOLE: pyarrow.int64(), REAL: pyarrow.float64()}
    schema = pyarrow.schema(
        (column, pyarrow.timestamp("us", "UTC") if column in MOMENTS else kinds[kind])
        for column, kind in zip(table.columns, table.types, strict=True)
    )
    with closing(ParquetWriter(path, schema)) as file:

        def write(rows: Sequence[Sequence[Any]]) -> None:
            columns = [
                pyarrow.array(values, field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)
            ]
            file.write_table(pyarrow.Table.from_arrays(columns, schema=schema))

        yield write
