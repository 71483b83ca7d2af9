"""Fetch data that travels inside a Debian package: download with apt, verify, unpack, once. Needs Debian's tools."""

from pathlib import Path

from training.data.fetch.once import Pinned, default_cache, fetch_once, run_tool

HINT = "was `apt-get update` run, and is this Debian 12?"


class DebianPackage(Pinned):
    """A package for all architectures."""


def fetch_debian(package: DebianPackage, *, cache: Path | None = None) -> Path:
    """The folder with the unpacked files of `package`; after the first call at once and without a network.

    Nothing is installed and no script of the package is run. Raises TrainingError if it cannot be had.
    """

    def run(folder: Path, *command: str) -> None:
        run_tool(package, folder, command, lacking=f"{command[0]}, which Debian has", hint=HINT)

    def download(temporary: Path) -> Path:
        run(temporary, "apt-get", "--quiet", "download", f"{package.name}={package.version}")
        return next(temporary.glob("*.deb"))

    def extract(archive: Path, content: Path) -> None:
        run(content.parent, "dpkg-deb", "--extract", archive.name, content.name)

    return fetch_once(package, (cache or default_cache()) / "debian", download, extract)
