"""Bodies that are compressed on the wire (RFC 9110, section 8.4): gzip, and deflate, which is zlib's format."""

import re
import zlib
from collections.abc import Iterable, Iterator

from app.errors import InvalidInput, PayloadTooLarge

AUTOMATIC = zlib.MAX_WBITS | 32  # the header says whether it is gzip or zlib
QUALITY = re.compile(r"q=(0(\.[0-9]{0,3})?|1(\.0{0,3})?)", re.IGNORECASE)
FASTEST = 1  # more effort hardly makes the numbers of a tensor smaller
WORTH_BYTES = 500


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """`body` as it was before `encoding`, the value of Content-Encoding. Stops at `limit` bytes.

    Raises InvalidInput for what is not in that form, and PayloadTooLarge.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise InvalidInput(f"Content-Encoding {encoding!r:.40} is not understood; gzip and deflate are")
    stream = zlib.decompressobj(AUTOMATIC)
    try:
        inflated = stream.decompress(body, limit + 1)
    except zlib.error as error:
        raise InvalidInput(f"the body is not valid {encoding}: {error}") from None
    if len(inflated) > limit:
        raise PayloadTooLarge(f"the body is more than {limit} bytes when it is inflated")
    if not stream.eof:
        raise InvalidInput(f"the body ends before its {encoding} stream does")
    if stream.unused_data:
        raise InvalidInput(f"{len(stream.unused_data)} bytes follow the end of the {encoding} stream")
    return inflated


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
    stream = zlib.compressobj(FASTEST, wbits=zlib.MAX_WBITS | 16 if encoding == "gzip" else zlib.MAX_WBITS)
    yield from filter(None, map(stream.compress, pieces))
    yield stream.flush()
