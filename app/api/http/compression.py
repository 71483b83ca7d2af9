"""Bodies that are compressed on the wire (RFC 9110, section 8.4): gzip, and deflate, which is zlib's format."""

import re
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from starlette.types import Message, Receive

from app.api.http.aside import Aside
from app.errors import InvalidInput, UnsupportedEncoding

ENCODINGS = ("gzip", "x-gzip", "deflate")
GZIP = 0x1F  # its first byte
METHOD = 0x0F  # bits of zlib's first byte that name the method (RFC 1950, 2.2)

# As zlib's manual says of inflateInit2 and deflateInit2.
AUTOMATIC = zlib.MAX_WBITS | 32  # the header says whether it is gzip or zlib
AS_GZIP = zlib.MAX_WBITS | 16
QUALITY = re.compile(r"q=(0(\.[0-9]{0,3})?|1(\.0{0,3})?)", re.IGNORECASE)
FASTEST = 1  # more effort hardly makes the numbers of a tensor smaller
WORTH_BYTES = 500  # shorter answers fit into one packet as they are
SMALL_BYTES = 4096  # compressed, and inflated at most so many at once:
QUICK_BYTES = 65_536  # in some tenths of a millisecond
PIECE_BYTES = 1_000_000  # inflated at a time by a thread
MOST_MEMBERS = 1000  # of a gzip file (RFC 1952, 2.2): to begin one takes as long as to inflate some kilobytes
Stream = Any  # of zlib, which has no public name for it


def encoding_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return how a body is compressed; nothing, if it is not. Raises UnsupportedEncoding."""
    named = b",".join(value for name, value in headers if name == b"content-encoding").decode("latin-1").lower()
    encodings = [one.strip() for one in named.split(",") if one.strip() not in ("", "identity")]
    if not encodings:
        return ""
    if len(encodings) > 1 or encodings[0] not in ENCODINGS:
        raise UnsupportedEncoding(
            f"Content-Encoding {', '.join(encodings)!r:.80} is not understood; gzip and deflate are"
        )
    return encodings[0]


class Inflating:
    """A body in `encoding`, piece by piece as it was before: never much more of it in memory than is asked for.

    Pieces that are large are inflated on the threads of `aside`, which shares them out by caller.
    """

    def __init__(self, encoding: str, aside: Aside) -> None:
        self._encoding = encoding
        self._aside = aside
        self._stream: Stream = None
        self._num_members = 0
        self._is_gzip = False
        self._waiting = b""  # what was sent, and is to be inflated
        self._is_last = False  # nothing more will be sent
        self._is_full = False  # the last piece was as large as it may be, so that more may be ready

    async def piece(self, sent: Receive) -> Message:
        """The next piece, of what comes by `sent`. Raises InvalidInput for what is not in that encoding."""
        while True:
            if not self._waiting and not self._is_full and not self._is_last:
                message = await sent()
                if message["type"] != "http.request":
                    return message
                self._waiting, self._is_last = message.get("body", b""), not message.get("more_body")
            # A few bytes can become many, and then it is a thread that makes them, without the interpreter's lock.
            if self._is_full or len(self._waiting) > SMALL_BYTES:
                piece = await self._aside.inflate(partial(self._inflate, PIECE_BYTES))
            else:
                piece = self._inflate(QUICK_BYTES)
            is_whole = self._is_last and not self._waiting and not self._is_full
            if is_whole:
                self._require_its_end()
            if piece or is_whole:
                return {"type": "http.request", "body": piece, "more_body": not is_whole}

    def _inflate(self, most: int) -> bytes:
        pieces, size = [], 0
        while (self._waiting or self._is_full) and size < most:
            self._is_full = False
            if self._stream is None or (self._stream.eof and self._waiting):
                self._begin(self._waiting[0])
            try:
                pieces.append(self._stream.decompress(self._waiting, most - size))
            except zlib.error as error:
                raise InvalidInput(f"the body is not valid {self._encoding}: {error}") from None
            size += len(pieces[-1])
            self._waiting = self._stream.unused_data or self._stream.unconsumed_tail
        self._is_full = size == most
        return b"".join(pieces)

    def _begin(self, first: int) -> None:
        """Begin the stream, or another member of a gzip file."""
        if self._num_members and (first != GZIP or not self._is_gzip):
            raise InvalidInput(f"{len(self._waiting)} bytes follow the end of the {self._encoding} stream")
        if self._num_members == MOST_MEMBERS:
            raise InvalidInput(f"the body has more than {MOST_MEMBERS} gzip members")
        self._num_members += 1
        self._is_gzip = first == GZIP
        self._stream = zlib.decompressobj(_window_bits(self._encoding, first))

    def _require_its_end(self) -> None:
        if self._stream is None or not self._stream.eof:
            raise InvalidInput(f"the body ends before its {self._encoding} stream does")


def _window_bits(encoding: str, first: int) -> int:
    """Return zlib's number for the format that begins with this byte: gzip, zlib's own, or none around the bytes.

    The last is no `deflate` of HTTP, and yet what some clients send under this name.
    """
    is_bare = encoding == "deflate" and first != GZIP and first & METHOD != zlib.DEFLATED
    return -zlib.MAX_WBITS if is_bare else AUTOMATIC


def accepted(header: str) -> str | None:
    """The encoding that a client would like best, of those we have, by its Accept-Encoding; None if it names none."""
    qualities = {}
    for part in header.lower().split(","):
        coding, _, parameter = part.partition(";")
        quality = QUALITY.fullmatch(parameter.strip())
        qualities[coding.strip()] = float(quality[1]) if quality else 0.0 if parameter.strip() else 1.0
    best = max(("gzip", "deflate"), key=lambda coding: qualities.get(coding, 0.0))
    return best if qualities.get(best) else None


def deflated(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """`pieces`, one after another, in `encoding`."""
    stream = zlib.compressobj(FASTEST, wbits=AS_GZIP if encoding == "gzip" else zlib.MAX_WBITS)
    yield from filter(None, map(stream.compress, pieces))
    yield stream.flush()
