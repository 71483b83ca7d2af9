from pathlib import Path

import pytest

from training.data.fetch.debian import DebianPackage, fetch_debian
from training.errors import TrainingError

PACKAGE = DebianPackage("some-data", "1.0-1", "0" * 64)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which alone programs are looked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def tool(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_without_debians_tools_it_says_so(tools: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"cannot fetch some-data 1\.0-1: this machine has no apt-get"):
        fetch_debian(PACKAGE, cache=tmp_path)


def test_what_apt_says_is_passed_on(tools: Path, tmp_path: Path) -> None:
    tool(tools, "apt-get", "echo 'E: no such version' >&2; exit 100")
    with pytest.raises(TrainingError, match=r"was `apt-get update` run.*E: no such version"):
        fetch_debian(PACKAGE, cache=tmp_path)


def test_other_content_is_not_used_and_nothing_is_left(tools: Path, tmp_path: Path) -> None:
    tool(tools, "apt-get", "echo other > some-data_1.0-1_all.deb")
    with pytest.raises(TrainingError, match=f"its sha256 is .* and must be {'0' * 64}"):
        fetch_debian(PACKAGE, cache=tmp_path)
    assert list((tmp_path / "debian").iterdir()) == []


def test_what_was_fetched_is_there_without_any_tool(tools: Path, tmp_path: Path) -> None:
    folder = tmp_path / "debian" / f"some-data-1.0-1-{'0' * 12}"
    folder.mkdir(parents=True)
    assert fetch_debian(PACKAGE, cache=tmp_path) == folder
