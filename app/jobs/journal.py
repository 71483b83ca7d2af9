"""Results of a job on their way to the disk: appended in blocks, each of which counts once the journal names it.

Whatever kills the process, the journal ends with a block that is whole on the disk. What lies behind that in the files
of results is written over, so that no line is lost and none is there twice.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from app.full_disk import no_room
from app.jobs.records import NoRoom

RECORD = struct.Struct("<5QI")  # the fields of Counted, and their CRC-32


class Counted(NamedTuple):
    """Lines of the input up to the last with a result, lines by how they ended, and bytes of the results."""

    lines: int = 0
    completed: int = 0
    failed: int = 0
    output_bytes: int = 0
    error_bytes: int = 0


def read_journal(path: Path) -> tuple[Counted, int]:
    """Return what the last whole record of a journal says, and the bytes up to its end; nothing if there is none."""
    try:
        with path.open("rb") as file:
            for number in range(os.fstat(file.fileno()).st_size // RECORD.size, 0, -1):
                file.seek((number - 1) * RECORD.size)
                *fields, check = RECORD.unpack(file.read(RECORD.size))
                if check == _check(Counted(*fields)):
                    return Counted(*fields), number * RECORD.size
    except FileNotFoundError:
        pass
    return Counted(), 0


class Journal:
    """The files of results of one job, and the journal that says how much of them counts.

    Without `errors` all results go into one file.
    """

    def __init__(self, output: Path, errors: Path | None, journal: Path) -> None:
        self.counted, self._end = read_journal(journal)
        self._paths = (output, errors, journal)
        self._files: list[int] = []
        self._guard = Lock()  # a thread may still write when its run is cancelled, to what is another file by then

    def open(self) -> None:
        """Raises NoRoom and OSError."""
        try:
            with _room_wanted():
                for path in self._paths:
                    if path is not None:
                        self._files.append(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        with self._guard:
            for file in self._files:
                os.close(file)
            self._files.clear()

    def commit(self, output: bytes, errors: bytes, up_to: int, completed: int, failed: int) -> None:
        """Put the results of the lines up to this number on the disk, all or none. Raises NoRoom and OSError."""
        with self._guard:
            self._commit(output, errors, up_to, completed, failed)

    def _commit(self, output: bytes, errors: bytes, up_to: int, completed: int, failed: int) -> None:
        before = self.counted
        assert up_to > before.lines
        after = Counted(
            up_to,
            before.completed + completed,
            before.failed + failed,
            before.output_bytes + len(output),
            before.error_bytes + len(errors),
        )
        *results, journal = self._files
        with _room_wanted():
            for file, content, start in zip(
                results, (output, errors), (before.output_bytes, before.error_bytes), strict=False
            ):
                if content:
                    _write(file, content, start)
                    os.fsync(file)
            _write(journal, RECORD.pack(*after, _check(after)), self._end)
            os.fsync(journal)
        self.counted, self._end = after, self._end + RECORD.size

    def finish(self) -> None:
        """Cut off what does not count."""
        sizes = self.counted.output_bytes, self.counted.error_bytes
        with self._guard:
            for file, size in zip(self._files[:-1], sizes, strict=False):
                os.ftruncate(file, size)
                os.fsync(file)


@contextmanager
def _room_wanted() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if words := no_room(error):
            raise NoRoom(f"the results cannot be written: {words}") from error
        raise


def _write(file: int, content: bytes, start: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(file, view, start)
        view, start = view[written:], start + written


def _check(counted: Counted) -> int:
    return zlib.crc32(struct.pack("<5Q", *counted))
