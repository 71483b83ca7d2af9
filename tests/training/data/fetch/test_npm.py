import io
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from training.data.fetch.npm import NpmPackage, fetch_npm
from training.errors import TrainingError

PACKAGE = NpmPackage("some-data", "1.0.0", "0" * 64)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which programs are looked for before any other."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def npm(folder: Path, script: str) -> None:
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)


def packed(path: Path) -> NpmPackage:
    """Write a package with one file to `path`."""
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("package/data.json")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"[]"))
    return NpmPackage("some-data", "1.0.0", sha256(path.read_bytes()).hexdigest())


def test_without_npm_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(TrainingError, match=r"cannot fetch some-data 1\.0\.0: this machine has no npm"):
        fetch_npm(PACKAGE, cache=tmp_path)


def test_what_npm_says_is_passed_on(tools: Path, tmp_path: Path) -> None:
    npm(tools, "echo 'npm error 404 no such version' >&2; exit 1")
    with pytest.raises(TrainingError, match=r"is this machine offline\? npm says: npm error 404 no such version"):
        fetch_npm(PACKAGE, cache=tmp_path)


def test_other_content_is_not_used_and_nothing_is_left(tools: Path, tmp_path: Path) -> None:
    npm(tools, "echo other > some-data-1.0.0.tgz")
    with pytest.raises(TrainingError, match=f"its sha256 is .* and must be {'0' * 64}"):
        fetch_npm(PACKAGE, cache=tmp_path)
    assert list((tmp_path / "npm").iterdir()) == []


def test_a_package_is_unpacked_once_and_then_there_without_npm(tools: Path, tmp_path: Path) -> None:
    package = packed(tmp_path / "ready.tgz")
    npm(tools, f"cp {tmp_path}/ready.tgz some-data-1.0.0.tgz")
    folder = fetch_npm(package, cache=tmp_path)
    assert (folder / "data.json").read_text() == "[]"
    npm(tools, "exit 1")
    assert fetch_npm(package, cache=tmp_path) == folder


def test_of_a_package_in_a_scope_the_archive_is_found(tools: Path, tmp_path: Path) -> None:
    made = packed(tmp_path / "ready.tgz")
    npm(tools, f"cp {tmp_path}/ready.tgz some-data-1.0.0.tgz")
    package = NpmPackage("@some/data", "1.0.0", made.sha256)
    assert (fetch_npm(package, cache=tmp_path) / "data.json").exists()
