"""Ends of sentences that `sentencex` overlooks, and where exactly an end is."""

import re
from collections.abc import Iterator

from app.tasks.segmentation.abbreviations import LAST
from app.tasks.segmentation.marks import CITATIONS, CLOSERS, CLOSING, OPENING

_MARK, _CLOSER = "[.!?…]", f"[{re.escape(CLOSING)}]"
_BEFORE_CAPITAL = rf"\s++(?=[{re.escape(OPENING)}]*+[A-ZÀ-ÖØ-ÞĀ-ŽА-ЯЁЄІЇΑ-ΫԱ-Ֆ])"
_ENDS = re.compile(
    "|".join(
        (
            rf"{_MARK}[ \u00a0\u202f]?{_CLOSER}++{CITATIONS}{_BEFORE_CAPITAL}",  # (It rained.) Then
            rf"{_CLOSER}{_MARK}++{CITATIONS}{_BEFORE_CAPITAL}",  # «Да». Он
            rf"…{CITATIONS}{_BEFORE_CAPITAL}",
            rf"{_MARK}(?=\[){CITATIONS}{_BEFORE_CAPITAL}",
            rf"{_MARK}[\u00b9\u00b2\u00b3\u2070\u2074-\u2079†‡]++{_BEFORE_CAPITAL}",
            rf"(?:https?://|www\.)[^\s<>]*+(?<=[\w/]\.){_BEFORE_CAPITAL}",
            rf"(?<=\s)no\.{_BEFORE_CAPITAL}",  # with a small letter it is no number
            rf"(?<=[\s.])(?:{'|'.join(map(re.escape, sorted(LAST)))})\.{_BEFORE_CAPITAL}",
            rf"[。！？｡⋯]++{CLOSERS}{CITATIONS}\s*+",
            rf"[។៕៖॥။።፧༎]++{CLOSERS}{CITATIONS}\s*+",
            r"།++(?:\s*+།)*+\s*+",
            rf"(?<=[\u0370-\u03ff\u1f00-\u1fff])[;\u037e]{CLOSERS}\s++",
            r"(?<=[\u0531-\u0588]):\s++",
        )
    )
)
_CLOSING_QUOTE = re.compile(r"[»›)\]}）】〗〉》」』〕”’]++|[\"'](?=\s|\Z)")
_OPENING_QUOTE = re.compile(r"[.!?…]\s++[\"']\Z")
_MOST_BLANKS = 40  # characters between a sentence and the quote of the next one
_PAGE = re.compile(r"(?<=\]):\d{1,4}(?:[–-]\d{1,4})?+")  # of a citation
_CITATIONS = re.compile(CITATIONS)
_PHRASE = 120  # characters after which a space ends a sentence in a script that has no mark for it


def more_ends(text: str) -> Iterator[int]:
    """Ends that follow a quote, an address or a sign of the script; some of them are none (see `goes_on`)."""
    return (match.end() for match in _ENDS.finditer(text))


def ends_of_phrases(text: str, ends: list[int]) -> Iterator[int]:
    """Ends in Thai and Lao, beside the few `ends` in increasing order: spaces between phrases, if these are long."""
    start, known = 0, iter([*ends, len(text) + 1])
    end = next(known)
    for space in re.finditer(r"\s+", text):
        while end <= space.end():
            start, end = end, next(known)
        if space.start() - start >= _PHRASE:
            start = space.end()
            yield start


def settled(text: str, end: int) -> int:
    """Return `end` as it should be: behind the sentence's quote and citations, before the quote of the next one."""
    mark = len(text[:end].rstrip())
    if mark == end and (closing := _CLOSING_QUOTE.match(text, end)):
        mark = closing.end()
    elif opening := _OPENING_QUOTE.search(text, max(0, mark - _MOST_BLANKS), mark):
        return opening.end() - 1
    for pattern in _PAGE, _CITATIONS:
        if found := pattern.match(text, mark):
            mark = found.end()
    return mark + len(text[mark:]) - len(text[mark:].lstrip())
