"""python -m app.jobs.preparing: look through the file of a job before it runs, in a process of its own.

It holds no interpreter that others wait for, has the least priority, and may use so much memory: whatever a file does
to its readers ends this process and no other. Reads an FileOrder as JSON from its input, and writes a Verdict.
"""

import csv
import os
import re
import resource
import sys
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import from_json

from app.jobs.line_reader import LineReader
from app.jobs.records import Form, Format, JobFailed, LineFault, Record
from app.jobs.rows import Columns, csv_rows, parquet_rows

LEAST_PRIORITY = 19
MOST_MEMORY = 1_500_000_000  # bytes that it writes to: what pyarrow needs, and a row group
MOST_CPU_S = 4 * 3600
MOST_LINES = 20_000_000  # eight bytes of memory each, to find names that are there twice
MOST_FAULTS = 20  # that are told
MOST_ID = 512  # characters
BUFFER_BYTES = 1_000_000
METHOD = "POST"


class FileOrder(Record):
    """`path` is the file, and `lines` where its lines are put unless they are JSON already.

    `urls` are patterns of addresses that a request may name, or `endpoint` the only one. `fields`, `structured` and
    `is_table` tell of an item, as Columns takes them.
    """

    form: Form
    format: Format
    path: str
    lines: str
    most_line_bytes: int
    most_bytes: int
    urls: tuple[str, ...] = ()
    endpoint: str = ""
    fields: tuple[str, ...] = ()
    structured: tuple[str, ...] = ()
    is_table: bool = False


class Verdict(Record):
    """`total` counts the lines with something in them. With faults the file cannot be worked through."""

    total: int = 0
    faults: tuple[LineFault, ...] = ()

    def require_good(self) -> None:
        """Raises JobFailed."""
        if self.faults:
            raise JobFailed(self.faults[0].message, list(self.faults))


def verdict_of(order: FileOrder) -> Verdict:
    try:
        if order.form == "requests":
            return _requests(order)
        total = _count(order) if order.format == "jsonl" else _converted(order)
        if not total:
            raise JobFailed("the file is empty", [LineFault(message="the file is empty", code="empty_file")])
        return Verdict(total=total)
    except JobFailed as error:
        return Verdict(faults=tuple(error.faults))


def _count(order: FileOrder) -> int:
    with LineReader(Path(order.path), order.most_line_bytes) as lines:
        return sum(1 for _ in lines)


def _converted(order: FileOrder) -> int:
    columns = Columns(order.fields, order.structured, order.is_table)
    rows: Iterator[bytes] = (
        csv_rows(Path(order.path), columns, order.most_line_bytes)
        if order.format == "csv"
        else parquet_rows(Path(order.path), columns)
    )
    total = written = 0
    temporary = Path(f"{order.lines}.{os.getpid()}")
    try:
        with temporary.open("wb", BUFFER_BYTES) as file:
            for row in rows:
                written += file.write(row + b"\n")
                total += 1
                if written > order.most_bytes:
                    raise JobFailed(f"its rows, as JSON, have more than the {order.most_bytes} bytes there is room for")
        os.replace(temporary, order.lines)
    finally:
        temporary.unlink(missing_ok=True)
    return total


def _requests(order: FileOrder) -> Verdict:
    urls = [re.compile(pattern) for pattern in order.urls]
    faults: list[LineFault] = []
    total, names = 0, bytearray()
    with LineReader(Path(order.path), order.most_line_bytes) as lines:
        numbers = bytearray()
        for line in lines:
            total += 1
            if total > MOST_LINES:
                raise JobFailed(f"more than {MOST_LINES} lines")
            try:
                custom_id = _checked(line.content, order, urls)
                names += blake2b(custom_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
                numbers += line.number.to_bytes(4, "little")
            except JobFailed as error:
                faults.append(error.faults[0].model_copy(update={"line": line.number}))
                if len(faults) == MOST_FAULTS:
                    break
    if not total:
        faults.append(LineFault(message="the file is empty", code="empty_file"))
    faults += _twice(np.frombuffer(names, "<u8"), np.frombuffer(numbers, "<u4"))
    faults.sort(key=lambda fault: fault.line or 0)
    return Verdict(total=total, faults=tuple(faults[:MOST_FAULTS]))


def _twice(names: Any, numbers: Any) -> Iterator[LineFault]:
    """Name the lines whose custom_id a line before has; of two that differ 64 bits are the same once in 10^7 files."""
    in_order = np.sort(names)
    again = np.unique(in_order[1:][in_order[1:] == in_order[:-1]])
    if not again.size:
        return
    first: dict[int, int] = {}
    found = 0
    for at in np.flatnonzero(np.isin(names, again)):
        name, number = int(names[at]), int(numbers[at])
        if name in first:
            message = f"has the custom_id of line {first[name]}"
            yield LineFault(message=message, line=number, code="duplicate_custom_id", param="custom_id")
            found += 1
            if found == MOST_FAULTS:
                return
        first.setdefault(name, number)


def _checked(content: bytes | None, order: FileOrder, urls: list[Any]) -> str:
    """Return the custom_id of a request. Raises JobFailed."""
    if content is None:
        raise _fault(f"is longer than the {order.most_line_bytes} bytes that a line may have", "line_too_long")
    try:
        line = from_json(content)
    except ValueError as error:
        raise _fault(f"is not valid JSON: {error}", "invalid_json_line") from None
    if not isinstance(line, dict):
        raise _fault("must be a JSON object with custom_id, method, url and body", "invalid_request")
    custom_id, url = line.get("custom_id"), line.get("url")
    if not isinstance(custom_id, str) or not 0 < len(custom_id) <= MOST_ID:
        raise _fault(f"must be a text of 1 to {MOST_ID} characters", "missing_required_parameter", "custom_id")
    if line.get("method") != METHOD:
        raise _fault(f"must be {METHOD}, not {line.get('method')!r:.40}", "invalid_method", "method")
    if not isinstance(url, str) or (order.endpoint and url != order.endpoint):
        known = f"must be {order.endpoint}, as the batch says" if order.endpoint else "must be a text"
        raise _fault(f"{known}, not {url!r:.80}", "invalid_url" if not order.endpoint else "mismatched_url", "url")
    if not any(pattern.fullmatch(url) for pattern in urls):
        raise _fault(f"{url!r:.80} cannot be asked by a batch", "invalid_url", "url")
    if not isinstance(line.get("body"), dict):
        raise _fault("must be an object", "missing_required_parameter", "body")
    return custom_id


def _fault(message: str, code: str, param: str | None = None) -> JobFailed:
    return JobFailed(message, [LineFault(message=message, code=code, param=param)])


def main() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))
    os.nice(LEAST_PRIORITY)
    order = FileOrder.model_validate_json(sys.stdin.buffer.read())
    csv.field_size_limit(order.most_line_bytes)  # of the whole process, and so of no other than this one
    sys.stdout.write(verdict_of(order).model_dump_json())


if __name__ == "__main__":
    main()
