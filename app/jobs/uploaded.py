"""A file that arrives in the folder of jobs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Protocol

from app.jobs.records import StoredFile

LOOKED_AGAIN_BYTES = 16_000_000  # after which it is looked again whether there is room


class Shelf(Protocol):
    """The folder, as a file that arrives in it needs it."""

    def require_room(self, owner: str, size: int) -> None: ...

    def keep(self, path: Path, owner: str, filename: str, purpose: str) -> StoredFile: ...

    def uploaded(self, path: Path) -> None: ...


class Uploaded:
    """A file that arrives. `size` are its bytes so far.

    Threads may still use it when whoever sent it has left and it is closed: its descriptor may be another file's then.
    """

    def __init__(self, folder: Shelf, path: Path, descriptor: int, owner: str, filename: str, purpose: str) -> None:
        self._folder, self._path, self._descriptor = folder, path, descriptor
        self._owner, self.filename, self.purpose = owner, filename, purpose
        self.size = 0
        self._looked_at = -LOOKED_AGAIN_BYTES
        self._guard = Lock()
        self._is_closed = False

    def write(self, content: bytes) -> None:
        """Raises PayloadTooLarge if there is no room for it."""
        with self._open() as descriptor:
            if self.size + len(content) >= self._looked_at + LOOKED_AGAIN_BYTES:
                self._folder.require_room(self._owner, len(content))
                self._looked_at = self.size
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            self.size += len(content)

    def first_bytes(self, number: int) -> bytes:
        with self._open() as descriptor:
            return os.pread(descriptor, number, 0)

    def keep(self) -> StoredFile:
        with self._open() as descriptor:
            os.fsync(descriptor)
            return self._folder.keep(self._path, self._owner, self.filename, self.purpose)

    def close(self) -> None:
        with self._guard:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._descriptor)
                self._folder.uploaded(self._path)

    @contextmanager
    def _open(self) -> Iterator[int]:
        with self._guard:
            if self._is_closed:
                raise ValueError("the file is closed")
            yield self._descriptor
