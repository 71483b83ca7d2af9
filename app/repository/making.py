"""Models that are being made on this machine, and how far they are: a small file that whoever makes them writes."""

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, TypeAdapter, ValidationError

from app.repository.manifest import Frozen
from app.whole_file import READABLE_BY_ALL, write_whole

MAKING, TUNING = ".making.json", ".tuning.json"  # one file for each that writes: training, and the tuner
BEAT_S = 5.0  # it is written so often, also where nothing has changed
STALE_S = 30.0  # of a file that is older nothing is known: whoever wrote it was killed
MOST_BYTES = 100_000


class Making(Frozen):
    """A model that is made, or measured, on this machine. `detail` says what is being done now, or why it failed."""

    model: str
    state: Literal["waiting", "making", "measuring", "failed"]
    detail: str = Field("", max_length=500)


FILE = TypeAdapter(tuple[Making, ...])


class Telling:
    """Says in a file what is being made, again and again, until it is left; the file is then gone.

    Where the repository cannot be written to, nothing is said.
    """

    def __init__(self, root: Path, file: str, every_s: float = BEAT_S) -> None:
        self._root, self._file, self._every_s = root, file, every_s
        self._making: tuple[Making, ...] = ()
        self._one_writes, self._is_over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._is_over.set()
        self._thread.join()
        self.tell(())

    def tell(self, making: Sequence[Making]) -> None:
        self._making = tuple(making)
        self._write()

    def _beat(self) -> None:
        while not self._is_over.wait(self._every_s):
            self._write()

    def _write(self) -> None:
        with self._one_writes, suppress(OSError):
            write_making(self._root, self._file, self._making)


def write_making(root: Path, file: str, making: Sequence[Making]) -> None:
    """Say what is being made; nothing, if `making` is empty. Raises OSError."""
    if not making:
        (root / file).unlink(missing_ok=True)
        return
    write_whole(root / file, FILE.dump_json(tuple(making)).decode(), READABLE_BY_ALL)


def read_making(root: Path, files: Sequence[str] = (MAKING, TUNING)) -> tuple[Making, ...]:
    """Return what is being made; of a file that is stale or makes no sense nothing. Raises OSError."""
    found: tuple[Making, ...] = ()
    for file in files:
        try:
            with (root / file).open("rb") as opened:
                if time.time() - os.fstat(opened.fileno()).st_mtime < STALE_S:
                    found += FILE.validate_json(opened.read(MOST_BYTES))
        except (FileNotFoundError, ValidationError):
            continue
    return found
