"""Small files that are replaced while others read them."""

import os
import stat

import pytest

from app.whole_file import OWN, READABLE_BY_ALL, write_whole


@pytest.mark.parametrize("mode", [OWN, READABLE_BY_ALL])
@pytest.mark.parametrize("is_synced", [False, True])
def test_a_file_is_replaced_whole_with_its_mode_and_nothing_else_stays(tmp_path, mode, is_synced):
    for content in ("a longer one", "ü"):
        write_whole(tmp_path / "file", content, mode, is_synced=is_synced)
        assert (tmp_path / "file").read_text(encoding="utf-8") == content
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("content", ["\ud800", "fine"])
def test_what_cannot_be_written_leaves_what_was_there_and_nothing_else(tmp_path, content):
    place = tmp_path / "file"
    place.mkdir()  # which no file can replace
    with pytest.raises((OSError, UnicodeEncodeError)):
        write_whole(place, content, READABLE_BY_ALL)
    assert os.listdir(tmp_path) == ["file"]
