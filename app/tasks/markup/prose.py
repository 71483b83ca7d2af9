"""Readable text that knows where it stands in its source, and the stages that make it."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

# Marks within a stage: noncharacters, which are set aside for such uses, so that no text should hold them.
_DROPPED, _TAIL = "\ufdd0", "\ufdd1"  # gone; gone, and still covered by the character before it
_DROPPED_CODE, _TAIL_CODE = ord(_DROPPED), ord(_TAIL)
BLANK_LINE = "\n\n"
_PIECE = 20_000  # characters: a pattern reads so many in about a millisecond, and meanwhile no other thread runs

Stage = Callable[[str], str]
"""A text to a text of equal length in which some characters are replaced by marks."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PlainText:
    """Readable text. Character `i` of `text` stands at `starts[i]` to `ends[i]` of the source; both int64."""

    text: str
    starts: Indices
    ends: Indices

    def after(self, stage: Stage) -> "PlainText":
        marked = stage(self.text)
        if marked == self.text:
            return self
        codes = np.frombuffer(marked.encode("utf-32-le"), np.uint32)
        tail = codes == _TAIL_CODE
        kept = (codes != _DROPPED_CODE) & ~tail
        ends = self.ends.copy()
        owners = np.maximum.accumulate(np.where(kept, np.arange(len(codes)), 0))
        ends[owners[tail]] = self.ends[tail]  # of several tails the last one wins
        return PlainText(codes[kept].tobytes().decode("utf-32-le"), self.starts[kept], ends[kept])

    def with_blank_lines(self, places: Sequence[int]) -> "PlainText":
        """Put an empty line before each of `places`, which increase; it covers nothing of the source."""
        if not places:
            return self
        borders = [0, *places, len(self.text)]
        text = "\n".join(self.text[start:end] for start, end in pairwise(borders))
        at = self.starts[list(places)]
        return PlainText(text, np.insert(self.starts, places, at), np.insert(self.ends, places, at))

    def pieces(self) -> Iterator[tuple["PlainText", bool]]:
        """Parts that follow one another, and whether each begins a line.

        Each begins a paragraph if it can. Of a line that is longer than a piece, a part goes no further than the line.
        """
        start = 0
        while start < len(self.text):
            begins_line = start == 0 or self.text[start - 1] == "\n"
            end = _border(self.text, start, begins_line=begins_line)
            yield PlainText(self.text[start:end], self.starts[start:end], self.ends[start:end]), begins_line
            start = end


def prose(source: str) -> PlainText:
    """Return `source` with "\\n" for every line break, and U+FFFD for unpaired surrogates and our own marks."""
    text = source.replace("\r\n", " \n")
    for line_break in "\r\v\f\x85\u2028\u2029":
        text = text.replace(line_break, "\n")
    for mark in _DROPPED, _TAIL:
        text = text.replace(mark, "\ufffd")
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    starts = np.arange(len(text), dtype=np.int64)
    return PlainText(text, starts, starts + 1)


def together(pieces: Sequence[PlainText]) -> PlainText:
    """Undo `PlainText.pieces`."""
    return PlainText(
        "".join(piece.text for piece in pieces),
        np.concatenate([piece.starts for piece in pieces]),
        np.concatenate([piece.ends for piece in pieces]),
    )


def _border(text: str, start: int, *, begins_line: bool) -> int:
    if len(text) - start <= _PIECE and begins_line:
        return len(text)
    at, borders = (start + _PIECE, (BLANK_LINE, "\n")) if begins_line else (start, ("\n",))
    for border in borders:
        found = text.find(border, at, at + _PIECE)
        if found >= 0:
            return found + len(border)
    return min(at + _PIECE, len(text))


# --- Marks for a match, each of the length of the match


def instead(text: str, length: int) -> str:
    """`text`, for what has `length` characters in the source; nothing, if it is empty."""
    return (text + _TAIL * (length - len(text)))[:length] if text else _DROPPED * length


def drop(match: re.Match[str]) -> str:
    return _DROPPED * len(match[0])


def keep_inner(match: re.Match[str]) -> str:
    """Keep the group named "inner" only."""
    start, end = match.span("inner")
    return _DROPPED * (start - match.start()) + match["inner"] + _DROPPED * (match.end() - end)


def end_block(match: re.Match[str]) -> str:
    return instead(BLANK_LINE, len(match[0]))


def is_kept(marked: str) -> str:
    """Return what a stage left of a text that it has marked."""
    return marked.replace(_DROPPED, "").replace(_TAIL, "")


def substitute(pattern: str, mark: Callable[[re.Match[str]], str], flags: int = re.MULTILINE) -> Stage:
    return partial(re.compile(pattern, flags).sub, mark)


BLANK_LINES: tuple[Stage, ...] = (substitute(r"^[^\S\n]++$", drop), substitute(r"(?<=\n\n)\n++", drop))
