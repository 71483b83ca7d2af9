"""Fetch data that travels inside a Debian package: download with apt, verify, unpack, once. Needs Debian's tools."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from training.data.fetch.once import default_cache, fetch_once
from training.errors import TrainingError


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

    def download(temporary: Path) -> Path:
        _command(package, temporary, "apt-get", "--quiet", "download", f"{package.name}={package.version}")
        return next(temporary.glob("*.deb"))

    def extract(archive: Path, content: Path) -> None:
        _command(package, content.parent, "dpkg-deb", "--extract", archive.name, content.name)

    return fetch_once(package, (cache or default_cache()) / "debian", download, extract)


def _command(package: DebianPackage, folder: Path, *command: str) -> None:
    try:
        result = subprocess.run(command, cwd=folder, stdout=2, stderr=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError as error:
        raise TrainingError(f"cannot fetch {package}: this machine has no {command[0]}, which Debian has") from error
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise TrainingError(
            f"cannot fetch {package}; was `apt-get update` run, and is this Debian 12? {command[0]} says: {reason}"
        )
