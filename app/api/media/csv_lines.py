"""Lines of a CSV file as fields by name (RFC 4180): names in the first line, UTF-8, commas or other delimiters."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from typing import Any

from app.delimiters import delimiter_of
from app.errors import InvalidInput, PayloadTooLarge

Lines = Any
"""A reader of the csv module, which counts the lines that it has read."""
CSV = "text/csv"
MOST_FIELDS = 500_000  # of a body, as of values in JSON: reading them holds the interpreter


def read_lines(body: bytes, max_lines: int) -> list[dict[str, str]]:
    """The fields of each line but the first and those that are empty. Raises InvalidInput and PayloadTooLarge."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the file is not UTF-8: byte {error.start} is no part of a character") from None
    delimiter = delimiter_of(text.partition("\n")[0].partition("\r")[0])
    if text.count(delimiter) + text.count("\n") > MOST_FIELDS:
        raise PayloadTooLarge(f"the file has more than {MOST_FIELDS} fields; send fewer lines at a time")
    lines: Lines = csv.reader(StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        return _read(lines, max_lines)
    except csv.Error as error:
        raise InvalidInput(f"line {lines.line_num} is not CSV: {error}") from None


def _read(lines: Lines, max_lines: int) -> list[dict[str, str]]:
    names = [name.strip() for name in next(lines, [])]
    _check_names(names)
    found: list[dict[str, str]] = []
    for fields in _with_fields(lines):
        if len(fields) != len(names):
            raise InvalidInput(f"line {lines.line_num} has {len(fields)} fields, and the first line {len(names)} names")
        if len(found) == max_lines:
            raise PayloadTooLarge(f"more than {max_lines} inputs; a request may have {max_lines}")
        found.append(dict(zip(names, fields, strict=True)))
    if not found:
        raise InvalidInput("the file has no line behind the names of its columns")
    return found


def _with_fields(lines: Iterator[list[str]]) -> Iterator[list[str]]:
    return (fields for fields in lines if any(fields))


def _check_names(names: Sequence[str]) -> None:
    if not any(names):
        raise InvalidInput("the first line must name the columns")
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise InvalidInput(f"the first line names a column twice: {twice:.80}")


def written_lines(lines: Iterable[Iterable[object]]) -> str:
    """Lines as they may be sent; None is written as nothing."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()
