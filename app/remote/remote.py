"""A store of model versions as the rest of the service knows it: <model>/<version>/manifest.json, as on a disk."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from app.remote.address import Address, address_of

EXTRA = "remote"


class Unreachable(OSError):
    """The store does not answer, or refuses. Its message names no credentials."""


class AlreadyThere(Exception):
    """The store has a version of this number, or somebody is just publishing one."""


class RemoteFile(NamedTuple):
    """`tag` is another one when the content is, where the store has such a thing; else it is empty."""

    path: str
    size: int
    tag: str


class Remote(Protocol):
    """Blocks; called from threads. Every method raises Unreachable."""

    address: Address

    def files(self, folder: str = "") -> Iterator[RemoteFile]:
        """Every file in a folder and below, in any order, with paths from the root."""
        ...

    def chunks(self, path: str) -> Iterator[bytes]:
        """The content of a file, in pieces of at most some megabytes. Raises FileNotFoundError."""
        ...

    def publish(self, folder: str, files: Mapping[str, Path], manifest: bytes) -> None:
        """Write a version of which readers see nothing before it is whole. Raises AlreadyThere."""
        ...


def opened(url: str) -> Remote:
    """Connect to nothing yet. Raises ValueError for an address that cannot be used, and without the extra."""
    address = address_of(url)
    if address.scheme == "file":
        from app.remote.folder import FolderRemote

        return FolderRemote(address)
    try:
        if address.scheme == "hf":
            from app.remote.hub import HubRemote

            return HubRemote(address)
        from app.remote.objects import ObjectRemote

        return ObjectRemote(address)
    except ModuleNotFoundError as error:
        raise ValueError(f"{address} needs {error.name}, which is missing: pip install 'tessera[{EXTRA}]'") from error
