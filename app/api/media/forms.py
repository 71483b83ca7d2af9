"""multipart/form-data (RFC 7578), read from a whole body by searching for its boundary.

What reads a form as it arrives looks at it byte by byte in Python, and can be kept busy for many seconds.
"""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from python_multipart.multipart import parse_options_header

from app.api.media.raw import FILES
from app.errors import InvalidInput, PayloadTooLarge

MAX_PARTS = 1000  # each takes time before it is known what it is
MAX_HEAD_BYTES = 4096  # of a part: its name, that of its file, and their like
MAX_FIELD_BYTES = 1_000_000  # of all that is no file, with its headers
TOO_MUCH = f"the form cannot be read: what it has beside its files has more than {MAX_FIELD_BYTES} bytes"
MAX_PARAMETERS = 40  # of a Content-Disposition, whose reader takes time that grows with their square
STEP_BYTES = 1_000_000  # searched at a time
HEAD_END = b"\r\n\r\n"
MOST_EPILOGUE = 1000  # bytes after the closing boundary, in which it is looked for
LONGEST_QUOTED = 80  # characters of a name that an error repeats
MAX_CONTENT_TYPE = 1024  # characters; a boundary has 70 at most
ENCODED_FILE_NAME = re.compile(rb";\s*filename\*\s*=", re.IGNORECASE)  # of RFC 5987, which browsers do not write
CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii"}


class FormData(NamedTuple):
    """The contents of files, in order, and fields by name.

    Of two fields with one name the last counts. Those of a list, whose name ends in [], have commas between them.
    """

    files: list[bytes]
    fields: dict[str, str]


def read_form(body: bytes, content_type: str, file_fields: Collection[str] = ()) -> FormData:
    """Return the parts of a form. What has a file name, or the type of a file, is one, and so is each of `file_fields`.

    Raises InvalidInput if it is cut or cannot be read, and PayloadTooLarge.
    """
    boundary = boundary_of(content_type)
    # Without it, a form that was cut would be read as one with fewer files.
    if b"--" + boundary + b"--" not in body[-MOST_EPILOGUE - len(boundary) :]:
        raise InvalidInput("the form is cut: its closing boundary is missing")
    form, beside = FormData([], {}), 0
    for start, end in _extents(body, b"\r\n--" + boundary):
        head_end = body.find(HEAD_END, start, min(end, start + MAX_HEAD_BYTES))
        if head_end < 0:
            raise InvalidInput(f"the form cannot be read: a part's headers do not end within {MAX_HEAD_BYTES} bytes")
        name, says_file, _ = named(body[start:head_end])
        if says_file or name.removesuffix("[]") in file_fields:
            form.files.append(body[head_end + len(HEAD_END) : end])
        elif (beside := beside + end - start) > MAX_FIELD_BYTES:
            raise InvalidInput(TOO_MUCH)
        else:
            field = field_of(body[head_end + len(HEAD_END) : end], name)
            is_more = name.endswith("[]") and name in form.fields
            form.fields[name] = f"{form.fields[name]},{field}" if is_more else field
    return form


def boundary_of(content_type: str) -> bytes:
    """Return what stands between the parts of a form, by its Content-Type. Raises InvalidInput."""
    if len(content_type) > MAX_CONTENT_TYPE:
        raise InvalidInput(f"the form cannot be read: its Content-Type has more than {MAX_CONTENT_TYPE} characters")
    _, options = parse_options_header(content_type)
    _require_charset(options)
    if not options.get(b"boundary"):
        raise InvalidInput("the form cannot be read: its Content-Type names no boundary")
    return options[b"boundary"]


def _require_charset(options: dict[bytes, bytes]) -> None:
    # Other codecs may take time that grows with the square of what they read.
    charset = options.get(b"charset", b"utf-8").decode("latin-1")
    if charset.lower() not in CHARSETS:
        raise InvalidInput(f"the form cannot be read: charset {charset!r:.40} is not understood; utf-8 is")


def _extents(body: bytes, delimiter: bytes) -> Iterator[tuple[int, int]]:
    """Where each part lies, from the end of the line with the boundary before it to the boundary after it."""
    if body.startswith(delimiter[2:]):
        position = len(delimiter) - 2
    else:
        position = _find(body, delimiter, 0)
        if position < 0:
            raise InvalidInput("the form cannot be read: it does not begin with its boundary")
        position += len(delimiter)
    for _ in range(MAX_PARTS + 1):
        if body.startswith(b"--", position):
            return
        start = body.find(b"\r\n", position, position + MAX_HEAD_BYTES)
        if start < 0 or body[position:start].strip(b" \t"):
            raise InvalidInput("the form cannot be read: a boundary is followed by something else on its line")
        # A part without headers has none of the empty line before it, either.
        end = _find(body, delimiter, start)
        if end < 0:
            raise InvalidInput("the form is cut: its closing boundary is missing")
        yield start + 2, end
        position = end + len(delimiter)
    raise PayloadTooLarge(f"the form has more than {MAX_PARTS} parts")


def _find(body: bytes, delimiter: bytes, start: int) -> int:
    """`body.find(delimiter, start)`, in steps between which other threads run: what looks like it is slow to search."""
    for step in range(start, len(body), STEP_BYTES):
        found = body.find(delimiter, step, step + STEP_BYTES + len(delimiter) - 1)
        if found >= 0:
            return found
    return -1


class FormPart(NamedTuple):
    """The name of a part, whether its headers say that it is a file, and the name that this has."""

    name: str
    says_file: bool
    file_name: str


def named(head: bytes) -> FormPart:
    """Return who a part with these headers is. Raises InvalidInput."""
    headers: dict[bytes, bytes] = {}
    for line in head.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon:
            raise InvalidInput("the form cannot be read: a header of a part has no colon")
        headers[name.strip().lower()] = value.strip()
    disposition = headers.get(b"content-disposition", b"")
    if disposition.count(b";") > MAX_PARAMETERS:
        raise InvalidInput(f"the form cannot be read: a Content-Disposition has more than {MAX_PARAMETERS} parameters")
    _, options = parse_options_header(disposition)
    if b"name" not in options:
        raise InvalidInput("the form cannot be read: a part has no name in its Content-Disposition")
    kind = headers.get(b"content-type", b"").lower().decode("latin-1")
    has_file_name = b"filename" in options or ENCODED_FILE_NAME.search(disposition) is not None
    file_name = options.get(b"filename", b"").decode(errors="replace")
    return FormPart(_text(options[b"name"]), has_file_name or kind.startswith(FILES), file_name)


def field_of(content: bytes, name: str) -> str:
    """Return a field as text. Raises InvalidInput."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        place = [name[:LONGEST_QUOTED]] if name != "parameters" else []
        raise InvalidInput("must be Unicode; it holds bytes that are not UTF-8").under("parameters", *place) from None


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InvalidInput("the form cannot be read: it holds bytes that are not UTF-8") from None
