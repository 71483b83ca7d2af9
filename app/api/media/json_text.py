"""JSON of strangers: its size is counted before it is parsed.

Parsing holds the interpreter from the first byte to the last, in a thread, too: nobody is answered meanwhile. A limit
on bytes does not bound that, since a photo in base64 is quick to parse and as many bytes of `[],[],` are not.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic_core import from_json

from app.api.media.surrogates import not_unicode
from app.errors import InvalidInput, PayloadTooLarge
from app.tensors import Array

CHUNK_BYTES = 262_144  # looked at as one: numpy's arrays of them are several times as large
QUOTE, BACKSLASH = b'"\\'

# Each value but the outermost has one of these before it, outside of texts.
BEFORE_A_VALUE = np.zeros(256, np.bool_)
BEFORE_A_VALUE[list(b"[{,:")] = True
COLON = ord(":")
OF_A_NAME = 3  # values that a name counts as: to parse, check and free one takes as long


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """Limits on JSON: bytes, and values, which are numbers, texts, lists, objects and, three times each, names."""

    max_bytes: int = 10_000_000
    max_values: int = 500_000


def parse(text: bytes, limits: JsonLimits) -> Any:
    """Return what JSON `text` holds. Raises PayloadTooLarge before it is parsed, and ValueError if it is not JSON."""
    if len(text) > limits.max_bytes:
        raise PayloadTooLarge(f"{len(text)} bytes of JSON, and a request may have {limits.max_bytes}")
    # A value takes a byte at least, so that short texts need no counting.
    if len(text) > limits.max_values and has_more_values(text, limits.max_values):
        raise PayloadTooLarge(
            f"the JSON has more than {limits.max_values} values: numbers, texts, lists, objects and, "
            f"{OF_A_NAME} times each, names; "
            "send fewer at a time, or tensors as bytes behind the JSON"
        )
    return from_json(text, cache_strings=False)  # a cache of texts makes many different ones half as slow again


def read_json(body: bytes, limits: JsonLimits, fault: str = "the body is not valid JSON", hint: str = "") -> Any:
    """Return what a caller's JSON holds. Raises PayloadTooLarge, and InvalidInput in the words of `fault`."""
    try:
        return parse(body, limits)
    except ValueError as error:
        raise not_unicode(body, str(error)) or InvalidInput(f"{fault}: {error}{hint}") from None


def has_more_values(text: bytes, limit: int) -> bool:
    """Whether JSON `text` has more than `limit` values. What is not JSON gives any answer, in the same time.

    Takes a few milliseconds a megabyte, in which other threads run.
    """
    count, in_text, is_escaped = 0, False, False
    for start in range(0, len(text), CHUNK_BYTES):
        chunk = text[start : start + CHUNK_BYTES]
        if is_escaped:  # by the last byte of the chunk before, which is put before this one
            chunk = b"\\" + chunk
        codes = np.frombuffer(chunk, np.uint8)
        is_quote, is_escaped = _unescaped_quotes(codes)
        inside = np.logical_xor.accumulate(is_quote) ^ in_text
        count += int(np.count_nonzero(BEFORE_A_VALUE[codes] & ~inside))
        count += (OF_A_NAME - 1) * int(np.count_nonzero((codes == COLON) & ~inside))
        if count > limit:
            return True
        in_text = bool(inside[-1])
    return False


def _unescaped_quotes(codes: Array) -> tuple[Array, bool]:
    """Where quotes begin or end a text, [bytes], and whether the byte that follows is escaped."""
    is_quote = codes == QUOTE
    backslashes = np.flatnonzero(codes == BACKSLASH)
    if not backslashes.size:
        return is_quote, False
    # In a run of backslashes the first, third, … escape what follows each.
    index = np.arange(backslashes.size)
    starts_run = np.diff(backslashes, prepend=-2) > 1
    in_run = index - np.maximum.accumulate(np.where(starts_run, index, 0))
    escaped = backslashes[in_run % 2 == 0] + 1
    is_quote[escaped[escaped < codes.size]] = False
    return is_quote, bool(escaped.size and escaped[-1] == codes.size)
