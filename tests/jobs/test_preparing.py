"""Files are looked through by the process that the service starts for it, since its bounds are the point."""

import asyncio
import csv
import json
from datetime import date

import pyarrow
import pytest
from pyarrow import parquet

from app.jobs.prepared import prepare
from app.jobs.preparing import MOST_FAULTS, FileOrder, verdict_of
from app.jobs.work import SMALL_BYTES

URL = "/v1/models/tiny/predict"


@pytest.fixture
def order(tmp_path):
    def order(content: bytes, **more):
        path = tmp_path / "file"
        path.write_bytes(content)
        return FileOrder(
            **{
                "form": "items", "format": "csv", "path": str(path), "lines": str(tmp_path / "lines"),
                "most_line_bytes": 1000, "most_bytes": 1_000_000, "urls": (r"/v1/models/[^/]+/predict",),
                "fields": ("text", "labels"), "structured": ("labels",), **more,
            }
        )  # fmt: skip

    return order


def rows(tmp_path):
    return [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]


def fault(verdict):
    (one,) = verdict.faults
    return one.line, one.message


def request(name="a", **more):
    return json.dumps({"custom_id": name, "method": "POST", "url": URL, "body": {}, **more}).encode() + b"\n"


def test_lines_of_csv_become_items_and_a_ragged_one_says_why(order, tmp_path):
    found = verdict_of(order(b'text;labels\nwhat;["a", "b"]\n\n"two\nlines";\n1;2;3\n'))
    assert (found.total, found.faults) == (3, ())
    assert rows(tmp_path) == [
        {"text": "what", "labels": ["a", "b"]},
        {"text": "two\nlines"},
        "line 6 of the file has 3 fields, and the first line 2 names",
    ]


def test_a_single_column_of_any_name_is_the_first_field(order, tmp_path):
    assert verdict_of(order(b"review\nwhat a film\n")).total == 1
    assert rows(tmp_path) == [{"text": "what a film"}]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"text,id\nx,1\n", 1, "the items of this model have no 'id'; they have: text, labels"),
        (b"text,text\nx,1\n", 1, "a column is named twice: text"),
        (b"\n\n", 1, "the first line must name the columns"),
        (b"text\nx\n\xff\n", 3, "is not UTF-8: byte 0 is no part of a character"),
        (b"text\nx\0\n", 2, "holds a NUL byte"),
        (b'text\n"x" y\n', 2, "is not CSV: "),
        (b"text\n" + b"x" * 2000, 2, "is longer than a line may be"),
    ],
)
def test_what_is_no_csv_is_told_with_its_line(order, content, line, message):
    found, told = fault(verdict_of(order(content)))
    assert (found, told[: len(message)]) == (line, message)


def test_a_field_is_as_long_as_a_line_may_be_and_the_service_reads_others_as_before(order, tmp_path):
    before = csv.field_size_limit()
    content = b'text\n"' + b"x\n" * 100_000 + b'"\n'
    verdict = asyncio.run(prepare(order(content, most_line_bytes=199_999)))
    assert fault(verdict) == (100_001, "is not CSV: field larger than field limit (199999)")
    assert verdict_of(order(b"text\nx\n")).total == 1
    assert csv.field_size_limit() == before >= SMALL_BYTES


def test_an_empty_file_is_told(order):
    for format in ("csv", "jsonl"):
        assert verdict_of(order(b"", format=format)).faults
    assert fault(verdict_of(order(b"\n\n", format="jsonl"))) == (None, "the file is empty")
    assert fault(verdict_of(order(b"", form="requests", format="jsonl"))) == (None, "the file is empty")


def test_requests_are_counted_and_each_fault_has_its_line(order):
    lines = (
        request("a"), b"\n", b"nonsense\n", b"[" * 900 + b"\n", b"[1]\n", request(""), request("b", method="GET"),
        request("c", url="/v1/models/x/load"), request("d", body=[]), request("a"), b"x" * 2000 + b"\n", b'"\xff"\n',
    )  # fmt: skip
    verdict = verdict_of(order(b"".join(lines), form="requests", format="jsonl"))
    assert verdict.total == 11
    assert [(one.line, one.code) for one in verdict.faults] == [
        (3, "invalid_json_line"), (4, "invalid_json_line"), (5, "invalid_request"), (6, "missing_required_parameter"),
        (7, "invalid_method"), (8, "invalid_url"), (9, "missing_required_parameter"), (10, "duplicate_custom_id"),
        (11, "line_too_long"), (12, "invalid_json_line"),
    ]  # fmt: skip
    assert verdict.faults[7].message == "has the custom_id of line 1"
    other = verdict_of(order(request(), form="requests", format="jsonl", endpoint="/v1/models/other/predict"))
    assert fault(other) == (1, f"must be /v1/models/other/predict, as the batch says, not '{URL}'")
    many = verdict_of(order(b"{}\n" * 1000, form="requests", format="jsonl"))
    assert len(many.faults) == MOST_FAULTS


def test_rows_of_parquet_become_items(order, tmp_path):
    table = pyarrow.table({"text": ["a", None], "labels": pyarrow.array([["x"], []]), "when": [date(2026, 12, 1)] * 2})
    parquet.write_table(table, tmp_path / "table")
    content = (tmp_path / "table").read_bytes()
    fields = ("text", "labels", "when")
    verdict = asyncio.run(prepare(order(content, format="parquet", fields=fields)))
    assert (verdict.total, verdict.faults) == (2, ())
    assert rows(tmp_path) == [
        {"text": "a", "labels": ["x"], "when": "2026-12-01"}, {"labels": [], "when": "2026-12-01"},
    ]  # fmt: skip
    damaged = asyncio.run(prepare(order(content[:-20], format="parquet")))
    assert fault(damaged)[1].startswith("the file is not Parquet, or is damaged: ")


def test_rows_that_would_fill_the_disk_or_the_memory_end_nobody_else(order, tmp_path):
    """Each row of a dictionary is as large as its entry, and the file has the entry once."""
    column = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 3000, pyarrow.int32()), ["x" * 500_000])
    parquet.write_table(pyarrow.table({"text": column}), tmp_path / "table")
    content = (tmp_path / "table").read_bytes()
    assert len(content) < 1_000_000
    found = asyncio.run(prepare(order(content, format="parquet")))
    assert fault(found)[1] == "its rows, as JSON, have more than the 1000000 bytes there is room for"
    assert not (tmp_path / "lines").exists()
