"""Files of weights that others wrote, taken from the front: every length is checked against the bytes that are left."""

import struct
from pathlib import Path

from training.errors import TrainingError, first_line


class BinaryFile:
    """The bytes of a file that were not taken yet; numbers are little-endian. What raises, raises TrainingError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._left = memoryview(path.read_bytes())
        except OSError as error:
            raise TrainingError(f"{path} cannot be read: {first_line(error)}") from error

    def take(self, num_bytes: int) -> memoryview:
        if num_bytes > len(self._left):
            raise TrainingError(
                f"{self.path} is cut short: it states {num_bytes} bytes more where {len(self._left)} are left"
            )
        taken, self._left = self._left[:num_bytes], self._left[num_bytes:]
        return taken

    def numbers(self, kind: str, count: int) -> tuple[int, ...]:
        """The next `count` numbers of a type that `struct` knows as `kind`."""
        content = self.take(count * struct.calcsize(f"<{kind}"))
        return struct.unpack(f"<{count}{kind}", content)

    def number(self, kind: str) -> int:
        """The next number of such a type."""
        (found,) = self.numbers(kind, 1)
        return found

    def name(self, num_bytes: int) -> str:
        """The next `num_bytes` as UTF-8, of which the last may be a zero."""
        content = bytes(self.take(num_bytes))
        try:
            return content.removesuffix(b"\0").decode()
        except UnicodeDecodeError as error:
            raise TrainingError(f"{self.path} holds a name that is not UTF-8") from error

    def require_end(self) -> None:
        if self._left:
            raise TrainingError(f"{self.path} has {len(self._left)} bytes more than it states")
