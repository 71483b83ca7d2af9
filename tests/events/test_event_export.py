"""Events as a file, by the command."""

import asyncio
import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from databases import FIRST, running, stored

from app.__main__ import main
from app.events.moments import read_moment
from app.events.rows import StoredEvent

EVENTS = [
    stored(1, item="183", model="films", value=4.5, kind="rating"),
    stored(2, item='"Alien, \\"the\\" film\\n"', details='{"comment": "ä"}'),
    stored(3_600_000_000, person="bob"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    url = f"sqlite:///{tmp_path}/events.db"
    monkeypatch.setenv("TESSERA_DATABASE_URL", url)

    async def fill() -> None:
        async with running(url) as store:
            await store.keep(EVENTS)

    asyncio.run(fill())
    return tmp_path


def test_a_csv_file_has_a_line_for_each_event_with_times_and_items_in_words(folder, capsys):
    file = folder / "out.csv"
    assert main(["events", "export", str(file)]) == 0
    assert capsys.readouterr().out == f"3 events to {file}\n"
    with file.open(newline="", encoding="utf-8") as opened:
        first, second, third = csv.DictReader(opened)
    assert (first["item"], second["item"], third["person"]) == ("183", 'Alien, "the" film\n', "bob")
    assert datetime.fromisoformat(third["at"]) == datetime.fromtimestamp(FIRST / 1e6 + 3600, UTC)
    assert (first["value"], second["value"]) == ("4.5", "")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_parquet_file_has_the_same_with_types(folder):
    parquet = pytest.importorskip("pyarrow.parquet")
    assert main(["events", "export", str(folder / "out.parquet")]) == 0
    table = parquet.read_table(folder / "out.parquet")
    assert table.column_names == list(StoredEvent._fields)
    assert table["item"].to_pylist() == ["183", 'Alien, "the" film\n', "tea"]
    assert table["at"].to_pylist()[0] == datetime.fromtimestamp(FIRST // 10**6, UTC).replace(microsecond=1)
    assert table["value"].to_pylist() == [4.5, None, None]


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(folder):
    times = [datetime.fromtimestamp(FIRST // 10**6, UTC).replace(microsecond=micro).isoformat() for micro in (2, 3)]
    assert main(["events", "export", str(folder / "out.csv"), "--since", times[0], "--until", times[1]]) == 0
    assert len((folder / "out.csv").read_text().splitlines()) == 3  # a title has two lines
    assert read_moment("2026-12-01") == read_moment("2026-12-01T01:00+01:00") == 1_796_083_200_000_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["out.txt"], "out.txt ends neither with .csv nor with .parquet"),
        (["no/such/folder/out.csv"], "No such file or directory"),
    ],
)
def test_what_cannot_be_written_is_said_and_nothing_is_left(folder, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(folder)
    before = set(folder.iterdir())
    assert main(["events", "export", *arguments]) == 1
    assert said in capsys.readouterr().err
    assert set(folder.iterdir()) == before


def test_where_no_events_are_kept_none_are_exported(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("TESSERA_DATABASE_URL", "off")
    assert main(["events", "export", str(tmp_path / "out.csv")]) == 1
    assert "TESSERA_DATABASE_URL is off" in capsys.readouterr().err
