"""Another folder, such as a share of a network, as a store of model versions. Follows no links."""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from app.inside import found_in
from app.remote.address import Address
from app.remote.remote import AlreadyThere, RemoteFile, Unreachable
from app.repository.publish import MANIFEST
from app.repository.unfinished import UNFINISHED, unfinished

log = logging.getLogger(__name__)

CHUNK_BYTES = 1_000_000


class FolderRemote:
    def __init__(self, address: Address) -> None:
        self.address = address
        self._root = Path(address.folder)
        self._told: set[str] = set()

    def files(self, folder: str = "") -> Iterator[RemoteFile]:
        with self._said():
            os.stat(self._root)
            for path, folders, names in os.walk(
                self._root / folder, onerror=partial(self._passed_over, self._root / folder)
            ):
                folders[:] = [one for one in folders if not one.startswith(UNFINISHED)]
                for name in names:
                    file = Path(path, name)
                    if not file.is_symlink():
                        found = file.stat()
                        tag = f"{found.st_ino}-{found.st_mtime_ns}"
                        yield RemoteFile(file.relative_to(self._root).as_posix(), found.st_size, tag)

    def chunks(self, path: str) -> Iterator[bytes]:
        with self._said():
            root = self._root.resolve()
            if found_in(root, path) != root / path:
                raise FileNotFoundError(f"{path} is a link")
            with (root / path).open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk

    def publish(self, folder: str, files: Mapping[str, Path], manifest: bytes) -> None:
        model, _, version = folder.partition("/")
        with self._said(), unfinished(self._root / model) as new:
            for name, file in files.items():
                (new.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, new.folder / name)
            (new.folder / MANIFEST).write_bytes(manifest)
            if not new.becomes(int(version)):
                raise AlreadyThere(f"version {folder} is there already")

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except Unreachable:
            raise
        except FileNotFoundError as error:
            if self._root.is_dir():
                raise
            raise Unreachable(f"{self.address}: {error.strerror}") from error
        except OSError as error:
            raise Unreachable(f"{self.address}: {error.strerror}") from error

    def _passed_over(self, top: Path, error: OSError) -> None:
        """Raise what is wrong with all that is below `top`."""
        if isinstance(error, FileNotFoundError):  # a folder that went while it was read
            return
        if not isinstance(error, PermissionError) or error.filename == str(top):
            raise error
        if error.filename not in self._told:  # such as lost+found
            self._told.add(error.filename)
            log.warning("%s: %s may not be read, and is passed over", self.address, error.filename)
