"""The file that says what is being made, from those who write it to those who read it."""

import os
import time
from pathlib import Path

import pytest
from waiting import eventually

from app.repository.making import MAKING, STALE_S, TUNING, Making, Telling, read_making, write_making
from app.repository.repository import ModelRepository

SUMMARIZER = Making(model="article-summarizer", state="making", detail="writing the graph")


def test_what_is_made_and_what_is_measured_are_read_together(tmp_path: Path) -> None:
    measured = Making(model="reviews-sentiment", state="measuring")
    write_making(tmp_path, TUNING, [measured])
    write_making(tmp_path, MAKING, [SUMMARIZER])
    assert read_making(tmp_path) == (SUMMARIZER, measured)
    write_making(tmp_path, MAKING, [])
    assert read_making(tmp_path) == (measured,)
    assert ModelRepository(tmp_path).names() == []


def test_of_somebody_who_was_killed_nothing_is_told(tmp_path: Path) -> None:
    write_making(tmp_path, MAKING, [SUMMARIZER])
    long_ago = time.time() - STALE_S - 1
    os.utime(tmp_path / MAKING, (long_ago, long_ago))
    assert read_making(tmp_path) == ()


@pytest.mark.parametrize(
    "content", ["", "nonsense", '[{"model": 1}]', '[{"model": "a", "state": "asleep"}]', "[" * 9999]
)
def test_what_makes_no_sense_tells_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / MAKING).write_text(content)
    assert read_making(tmp_path) == ()


def test_whoever_makes_keeps_the_file_fresh_and_takes_it_away(tmp_path: Path) -> None:
    with Telling(tmp_path, MAKING, every_s=0.01) as telling:
        telling.tell([SUMMARIZER])
        first = (tmp_path / MAKING).stat().st_mtime_ns
        eventually(lambda: (tmp_path / MAKING).stat().st_mtime_ns != first)
        assert read_making(tmp_path) == (SUMMARIZER,)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_nothing_is_said_and_nothing_breaks(tmp_path: Path) -> None:
    with Telling(tmp_path / "not there", MAKING) as telling:
        telling.tell([SUMMARIZER])
