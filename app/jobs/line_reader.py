"""Lines of a file, however long: one that is too long is told so, and costs no memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

MARK = b"\xef\xbb\xbf"  # that some editors put before UTF-8
PASSED_BYTES = 1_000_000  # of a line that is too long, at a time


class InputLine(NamedTuple):
    """A line without its break; `content` is None of one that is too long. `number` counts from 1."""

    number: int
    content: bytes | None


class LineReader:
    """Reads the lines of a file behind the first `passed`; blank ones count, and are left out."""

    def __init__(self, path: Path, most_bytes: int, passed: int = 0) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._passed = passed
        self.number = 0
        """Lines that have been read, blank ones, too."""
        self.is_at_end = False

    def __enter__(self) -> Self:
        self._file = self._path.open("rb")
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()

    def pass_by(self) -> None:
        """Read over the lines that are not wanted."""
        while self.number < self._passed and self.next_line() is not None:
            pass

    def take(self, most_lines: int, most_bytes: int) -> list[InputLine]:
        """Return some of the next lines: up to so many, blank ones counted, and about so many bytes."""
        taken: list[InputLine] = []
        until = self.number + most_lines
        while self.number < until and most_bytes > 0:
            line = self.next_line()
            if line is None:
                self.is_at_end = True
                break
            if line.content is None or line.content.strip():
                taken.append(line)
            most_bytes -= len(line.content or b"") + 1
        return taken

    def __iter__(self) -> Iterator[InputLine]:
        while (line := self.next_line()) is not None:
            if line.content is None or line.content.strip():
                yield line

    def next_line(self) -> InputLine | None:
        content = self._file.readline(self._most_bytes + 2)
        if not content:
            return None
        self.number += 1
        if content.endswith(b"\n") or len(content) <= self._most_bytes:
            content = content.removesuffix(b"\n").removesuffix(b"\r")
            return InputLine(self.number, content.removeprefix(MARK) if self.number == 1 else content)
        while content and not content.endswith(b"\n"):
            content = self._file.readline(PASSED_BYTES)
        return InputLine(self.number, None)
