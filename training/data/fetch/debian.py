"""Fetch data that travels inside a Debian package, or in Debian's lists of packages: download with apt, verify, once.

Needs Debian's tools.
"""

from pathlib import Path

from training.data.fetch.once import Pinned, default_cache, fetch_once, run_tool
from training.errors import TrainingError

LIST = "list"
HINT = "was `apt-get update` run, and is this Debian 12?"


class DebianPackage(Pinned):
    """A package for all architectures."""


class DebianList(Pinned):
    """A list of a release, as the end of its file's name in apt's folder; its sha256 is that of the text."""


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


def fetch_debian_list(wanted: DebianList, *, cache: Path | None = None) -> Path:
    """The file with a list in English, which apt downloads beside its own; after the first call at once, unread by apt.

    Raises TrainingError if it cannot be had, also if the release has changed since.
    """

    def download(temporary: Path) -> Path:
        lists = temporary / "lists"
        (lists / "partial").mkdir(parents=True)
        options = {
            "Dir::State::Lists": lists,
            "Dir::Cache": temporary,
            "Acquire::Languages": "en",
            "Acquire::GzipIndexes": "false",
        }
        command = ["apt-get", "--quiet", "update", *(f"--option={name}={value}" for name, value in options.items())]
        run_tool(wanted, temporary, command, lacking="apt-get, which Debian has", hint=HINT)
        found = next(lists.glob(f"*_{wanted.name}"), None)
        if found is None:
            raise TrainingError(f"cannot fetch {wanted}: apt has no such list; is this Debian 12?")
        return found

    def extract(archive: Path, content: Path) -> None:
        content.mkdir()
        archive.rename(content / LIST)

    return fetch_once(wanted, (cache or default_cache()) / "debian", download, extract) / LIST
