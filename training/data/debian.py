"""Fetch data that travels inside a Debian package: download with apt, verify, unpack, once. Needs Debian's tools."""

import subprocess
import tempfile
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from training.fetch import default_cache
from training.recipe import TrainingError, progress


@dataclass(frozen=True, slots=True)
class DebianPackage:
    """A package for all architectures, pinned by its content."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def fetch_debian(package: DebianPackage, *, cache: Path | None = None) -> Path:
    """The folder with the unpacked files of `package`; after the first call at once and without a network.

    Nothing is installed and no script of the package is run. Raises TrainingError if it cannot be had.
    """
    folder = (cache or default_cache()) / "debian" / f"{package.name}-{package.version}-{package.sha256[:12]}"
    if folder.is_dir():
        return folder
    progress(f"fetching {package}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder.parent) as temporary:
        _command(package, temporary, "apt-get", "--quiet", "download", f"{package.name}={package.version}")
        archive = next(Path(temporary).glob("*.deb"))
        with archive.open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
        if found != package.sha256:
            raise TrainingError(f"{archive.name} is not used: its sha256 is {found} and must be {package.sha256}")
        _command(package, temporary, "dpkg-deb", "--extract", archive.name, "content")
        try:
            Path(temporary, "content").rename(folder)
        except OSError:
            # Another process was faster: what it verified is as good as ours.
            if not folder.is_dir():
                raise
    return folder


def _command(package: DebianPackage, folder: str, *command: str) -> None:
    try:
        result = subprocess.run(command, cwd=folder, stdout=2, stderr=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError as error:
        raise TrainingError(f"cannot fetch {package}: this machine has no {command[0]}, which Debian has") from error
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise TrainingError(
            f"cannot fetch {package}; was `apt-get update` run, and is this Debian 12? {command[0]} says: {reason}"
        )
