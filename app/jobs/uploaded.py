"""A file that arrives in the folder of jobs."""

import os
from pathlib import Path
from typing import Protocol

from app.jobs.records import StoredFile

LOOKED_AGAIN_BYTES = 16_000_000  # after which it is looked again whether there is room


class Shelf(Protocol):
    """The folder, as a file that arrives in it needs it."""

    def require_room(self, owner: str, size: int) -> None: ...

    def keep(self, path: Path, owner: str, filename: str, purpose: str) -> StoredFile: ...

    def uploaded(self, path: Path) -> None: ...


class Uploaded:
    """A file that arrives. `size` are its bytes so far."""

    def __init__(self, folder: Shelf, path: Path, descriptor: int, owner: str, filename: str, purpose: str) -> None:
        self._folder, self._path, self._descriptor = folder, path, descriptor
        self._owner, self.filename, self.purpose = owner, filename, purpose
        self.size = 0
        self._looked_at = -LOOKED_AGAIN_BYTES

    def write(self, content: bytes) -> None:
        """Raises PayloadTooLarge if there is no room for it."""
        if self.size + len(content) >= self._looked_at + LOOKED_AGAIN_BYTES:
            self._folder.require_room(self._owner, len(content))
            self._looked_at = self.size
        view = memoryview(content)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self.size += len(content)

    def first_bytes(self, number: int) -> bytes:
        return os.pread(self._descriptor, number, 0)

    def close(self) -> None:
        os.close(self._descriptor)
        self._folder.uploaded(self._path)

    def keep(self) -> StoredFile:
        os.fsync(self._descriptor)
        return self._folder.keep(self._path, self._owner, self.filename, self.purpose)
