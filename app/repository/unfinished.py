"""A version that is being written, beside the finished ones: it becomes one of them whole, or goes."""

import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

UNFINISHED = ".publishing-"
STALE_AFTER_S = 60.0  # for which a folder without a lock may just have been made


class Unfinished:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def becomes(self, version: int) -> bool:
        """Take its place among the versions; False if there is one of this number already."""
        self.folder.chmod(0o755)
        try:
            os.rename(self.folder, self.folder.parent / str(version))
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return False
        return True


@contextmanager
def unfinished(model: Path) -> Iterator[Unfinished]:
    """A new folder in that of a model, which is made if need be. What has not become a version is removed in the end,
    and so is the folder of a model that has none.
    """
    _sweep(model)
    folder = _made(model)
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield Unfinished(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
        with suppress(OSError):  # there are other versions, or somebody else is just publishing the first
            model.rmdir()


def _made(model: Path) -> Path:
    while True:
        model.mkdir(parents=True, exist_ok=True)
        # Somebody else, who could not publish the first version, may remove the empty folder between the two.
        with suppress(FileNotFoundError):
            return Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=model))


def _sweep(model: Path) -> None:
    """Remove what publishing has left here that was killed: nobody holds its lock any more."""
    for folder in model.glob(f"{UNFINISHED}*"):
        with suppress(OSError):  # a new folder has no lock for a moment; whoever has just made it needs it
            if time.time() - folder.stat().st_mtime < STALE_AFTER_S:
                continue
            lock = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
