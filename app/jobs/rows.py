"""Rows of CSV and Parquet files as lines of JSON, one after another and however many."""

import csv
import math
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from app.delimiters import delimiter_of
from app.jobs.line_reader import LineReader
from app.jobs.records import JobFailed, LineFault

FEW_ROWS = 64  # of a Parquet file that are read at a time: each may be large
MOST_GROUP_BYTES = 256_000_000  # of a row group, by its own words
ANY = "*"  # among structured fields: all of them
PARQUET_MISSING = "Parquet files need pyarrow: pip install 'tessera[parquet]'"


class Columns:
    """The meaning of the columns of a file, for one kind of model.

    A single column of another name is the first field of an item, as an item may be written bare. A cell of CSV in a
    field that is `structured` is JSON, if it can be.
    """

    def __init__(self, fields: Sequence[str], structured: Sequence[str], is_table: bool) -> None:
        self._fields = fields
        self._structured = frozenset(structured)
        self._is_table = is_table

    def named(self, names: Sequence[str]) -> list[str]:
        """Return the fields that columns of these names are. Raises JobFailed for what is none."""
        twice = next((name for name, count in Counter(names).items() if count > 1), None)
        if twice is not None:
            raise _failed(f"a column is named twice: {twice:.80}")
        if not any(names):
            raise _failed("the first line must name the columns")
        if self._is_table or not self._fields:
            return list(names)
        if len(names) == 1 and names[0] not in self._fields:
            return [self._fields[0]]
        unknown = [name for name in names if name not in self._fields]
        if unknown:
            raise _failed(
                f"the items of this model have no {unknown[0]!r:.80}; they have: {', '.join(self._fields)}. "
                "Rename the columns or leave them out"
            )
        return list(names)

    def item(self, names: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
        """Return the cells of a line of CSV by their names; an empty one of a structured field is left out."""
        found = zip(names, cells, strict=True)
        return {name: self._value(name, cell) for name, cell in found if cell or not self._has_json(name)}

    def _has_json(self, name: str) -> bool:
        return not self._is_table and (name in self._structured or ANY in self._structured)

    def _value(self, name: str, cell: str) -> Any:
        if not self._has_json(name):
            return cell
        try:
            return from_json(cell)
        except ValueError:
            return cell


def csv_rows(path: Path, columns: Columns, most_bytes: int) -> Iterator[bytes]:
    """Each line of a CSV file as JSON: an object of its fields or, of one that cannot be read, a text that says why.

    Raises JobFailed for a file that is no CSV at all, with the line.
    """
    with LineReader(path, most_bytes) as reader:
        texts = _Texts(reader)
        first = next(texts, "")
        delimiter = delimiter_of(first)
        lines: Any = csv.reader(_again(first, texts), strict=True, delimiter=delimiter)
        try:
            names = columns.named([name.strip() for name in next(lines, [])])
            for cells in lines:
                if not any(cells):
                    continue
                if len(cells) != len(names):
                    have = f"line {lines.line_num} of the file has {len(cells)} fields"
                    yield to_json(f"{have}, and the first line {len(names)} names")
                else:
                    yield to_json(columns.item(names, cells))
        except csv.Error as error:
            raise _failed(f"is not CSV: {error}", lines.line_num) from None


class _Texts:
    """The lines of a file as text, with their breaks, as the reader of CSV wants them."""

    def __init__(self, reader: LineReader) -> None:
        self._reader = reader

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._reader.next_line()
        if line is None:
            raise StopIteration
        if line.content is None:
            raise _failed("is longer than a line may be", line.number)
        if b"\0" in line.content:
            raise _failed("holds a NUL byte", line.number)
        try:
            return line.content.decode() + "\n"
        except UnicodeDecodeError as error:
            raise _failed(f"is not UTF-8: byte {error.start} is no part of a character", line.number) from None


def _again(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def parquet_rows(path: Path, columns: Columns) -> Iterator[bytes]:
    """Each row of a Parquet file as JSON. Raises JobFailed."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise JobFailed(PARQUET_MISSING) from None
    try:
        with parquet.ParquetFile(path, memory_map=False, pre_buffer=False) as file:
            largest = max(
                (file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)), default=0
            )
            if largest > MOST_GROUP_BYTES:
                raise JobFailed(f"a row group of {largest} bytes; it may have {MOST_GROUP_BYTES}. Write smaller ones")
            names = columns.named(file.schema_arrow.names)
            for batch in file.iter_batches(FEW_ROWS, use_threads=False):
                for row in batch.rename_columns(names).to_pylist():
                    yield to_json({name: _plain(value) for name, value in row.items() if value is not None})
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise JobFailed(f"the file is not Parquet, or is damaged: {error!s:.200}") from None


def _plain(value: Any) -> Any:
    """Return a value of Parquet as JSON has it: bytes in base64, times as ISO 8601 has them."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value


def _failed(message: str, line: int = 1) -> JobFailed:
    return JobFailed(f"line {line} {message}", [LineFault(message=message, line=line, code="invalid_file")])
