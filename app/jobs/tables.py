"""Results as CSV or Parquet: a row for each, with its output or its error as text."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pydantic_core import from_json, to_json

from app.jobs.records import Format, JobFailed
from app.jobs.rows import PARQUET_MISSING

NAMES = ("row", "output", "error")
GROUP_ROWS = 10_000  # of a Parquet file, written at a time
Row = tuple[int, str | None, str | None]


def write_table(results: Path, path: Path, format: Format) -> None:
    """Write the results of items, lines of JSON, at `path` as CSV or Parquet. Raises JobFailed without pyarrow."""
    with results.open("rb") as lines:
        rows = map(_row, lines)
        if format == "csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(NAMES)
                writer.writerows(rows)
        else:
            _write_parquet(rows, path)


def _row(line: bytes) -> Row:
    result = from_json(line)
    number = result.get("row", result.get("line"))
    if "error" in result:
        return number, None, result["error"]["message"]
    output = result["output"]
    return number, output if isinstance(output, str) else to_json(output).decode(), None


def _write_parquet(rows: Iterator[Row], path: Path) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise JobFailed(PARQUET_MISSING) from None
    kinds = (pyarrow.int64(), pyarrow.string(), pyarrow.string())
    schema = pyarrow.schema(list(zip(NAMES, kinds, strict=True)))
    with parquet.ParquetWriter(path, schema) as writer:
        while group := list(islice(rows, GROUP_ROWS)):
            columns = [pyarrow.array(one, kind) for one, kind in zip(zip(*group, strict=True), kinds, strict=True)]
            writer.write_table(pyarrow.table(columns, schema=schema))
