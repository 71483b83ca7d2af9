"""The part that every index has in common: a download is verified, unpacked and shelved once."""

import errno
import os
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.inside import leads_out
from training.data.fetch.verified import require_sha256
from training.errors import TrainingError, progress

STDERR = 2


@dataclass(frozen=True, slots=True)
class Pinned:
    """A package of any index, pinned by its content."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def fetch_once(
    package: Pinned, shelf: Path, download: Callable[[Path], Path], extract: Callable[[Path, Path], None]
) -> Path:
    """The folder of `package` in `shelf`, all of it or nothing; only the first call downloads.

    `download` puts the archive into a temporary folder and returns it; if its sha256 is the pinned one, `extract` makes
    a folder of it. Raises TrainingError.
    """
    folder = shelf / f"{package.name}-{package.version}-{package.sha256[:12]}"
    if folder.is_dir():
        return folder
    progress(f"fetching {package}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder.parent) as temporary:
            archive = download(Path(temporary))
            require_sha256(archive, package.sha256, archive.name)
            extract(archive, Path(temporary, "content"))
            _appear(Path(temporary, "content"), folder)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TrainingError(f"cannot unpack {package}: the disk of {folder.parent} is full") from error
        raise TrainingError(f"cannot store {package} in {folder.parent}: {error}") from error
    return folder


def run_tool(package: Pinned, folder: Path, command: Sequence[str], *, lacking: str, hint: str) -> None:
    """Run the tool of an index in `folder`. Raises TrainingError with what it says last, and with the `hint`.

    `lacking` says what a machine lacks that does not have the tool. Its standard output would be that of our caller.
    """
    try:
        result = subprocess.run(command, cwd=folder, stdout=STDERR, stderr=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError as error:
        raise TrainingError(f"cannot fetch {package}: this machine has no {lacking}") from error
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise TrainingError(f"cannot fetch {package}; {hint} {command[0]} says: {reason}")


def default_cache() -> Path:
    """$TESSERA_CACHE, else tessera in $XDG_CACHE_HOME, else in ~/.cache."""
    if chosen := os.environ.get("TESSERA_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tessera"


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar file into the new `folder`. Raises TrainingError if a name in it points outside."""
    folder.mkdir()
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for name in zipped.namelist():
                if leads_out(name):
                    raise TrainingError(f"{archive.name} is not unpacked: {name!r} in it points outside of it")
            zipped.extractall(folder)
        return
    try:
        with tarfile.open(archive) as tarred:
            tarred.extractall(folder, filter="data")
    except tarfile.FilterError as error:
        raise TrainingError(f"{archive.name} is not unpacked: {error}") from error
    except tarfile.ReadError as error:
        raise TrainingError(f"{archive.name} is neither a zip nor a tar file") from error


def _appear(content: Path, folder: Path) -> None:
    try:
        content.rename(folder)
    except OSError:
        # Another process was faster: what it verified is as good as ours.
        if not folder.is_dir():
            raise
