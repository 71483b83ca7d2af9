"""multipart/form-data (RFC 7578) as it arrives: one file, which is passed on in parts, and short fields."""

from collections.abc import Callable

from app.api.media.forms import (
    HEAD_END,
    MAX_FIELD_BYTES,
    MAX_HEAD_BYTES,
    MAX_PARTS,
    TOO_MUCH,
    boundary_of,
    field_of,
    named,
)
from app.errors import InvalidInput, PayloadTooLarge

FILE = "file"  # the field that is one even if the client does not say so
CUT = "the form is cut: its closing boundary is missing"


class FormStream:
    """Takes a form in pieces of any size. `fields` are complete, and `file_name` known, when `is_complete`.

    What is in the file goes to `write`, in order.
    """

    def __init__(self, content_type: str, write: Callable[[bytes], None]) -> None:
        """Raises InvalidInput."""
        self._delimiter = b"\r\n--" + boundary_of(content_type)
        self._write = write
        self._left = bytearray(b"\r\n")  # so that the first boundary is found as the others are
        self._read: Callable[[], bool] = self._preamble
        self._parts = 0
        self._name = ""
        self._is_file = False
        self._field = bytearray()
        self._beside = 0
        self.fields: dict[str, str] = {}
        self.file_name: str | None = None
        self.is_complete = False

    def feed(self, piece: bytes) -> None:
        """Take the next piece. Raises InvalidInput, PayloadTooLarge and what `write` raises."""
        if self.is_complete:  # an epilogue says nothing
            return
        self._left += piece
        while not self.is_complete and self._read():
            pass

    def end(self) -> None:
        """Raise InvalidInput if the form is not whole."""
        if not self.is_complete:
            raise InvalidInput(CUT)

    def _preamble(self) -> bool:
        if len(self._left) < len(self._delimiter):
            return False
        if not self._left.startswith(self._delimiter):
            raise InvalidInput("the form cannot be read: it does not begin with its boundary")
        del self._left[: len(self._delimiter)]
        self._read = self._boundary
        return True

    def _boundary(self) -> bool:
        """Read what follows a boundary on its line: two hyphens after the last one."""
        if self._left.startswith(b"--"):
            self.is_complete = True
            return True
        end = self._left.find(b"\r\n")
        if end < 0:
            if len(self._left) > MAX_HEAD_BYTES:
                raise InvalidInput("the form cannot be read: a boundary is followed by something else on its line")
            return False
        if self._left[:end].strip(b" \t"):
            raise InvalidInput("the form cannot be read: a boundary is followed by something else on its line")
        del self._left[: end + 2]
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise PayloadTooLarge(f"the form has more than {MAX_PARTS} parts")
        self._read = self._head
        return True

    def _head(self) -> bool:
        end = self._left.find(HEAD_END, 0, MAX_HEAD_BYTES)
        if end < 0:
            if len(self._left) > MAX_HEAD_BYTES:
                raise InvalidInput(
                    f"the form cannot be read: a part's headers do not end within {MAX_HEAD_BYTES} bytes"
                )
            return False
        self._count(end)
        part = named(bytes(self._left[:end]))
        self._name, self._is_file = part.name, part.says_file or part.name == FILE
        if self._is_file:
            if self.file_name is not None:
                raise InvalidInput("the form has two files; send one")
            self.file_name = part.file_name
        del self._left[: end + len(HEAD_END)]
        self._field = bytearray()
        self._read = self._content
        return True

    def _content(self) -> bool:
        end = self._left.find(self._delimiter)
        known = end if end >= 0 else max(0, len(self._left) - len(self._delimiter) + 1)
        content = bytes(self._left[:known])
        if self._is_file:
            if content:
                self._write(content)
        else:
            self._count(len(content))
            self._field += content
        if end < 0:
            del self._left[:known]
            return False
        del self._left[: end + len(self._delimiter)]
        if not self._is_file:
            self.fields[self._name] = field_of(bytes(self._field), self._name)
        self._read = self._boundary
        return True

    def _count(self, size: int) -> None:
        self._beside += size
        if self._beside > MAX_FIELD_BYTES:
            raise InvalidInput(TOO_MUCH)
