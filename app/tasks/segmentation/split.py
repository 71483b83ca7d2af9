"""Sentences as spans of a text."""

import re
from collections.abc import Iterator

import sentencex

from app.abandoned import require_wanted
from app.tasks.segmentation.ends import ends_of_phrases, more_ends, settled
from app.tasks.segmentation.going_on import goes_on
from app.tasks.segmentation.languages import language_of
from app.tasks.segmentation.run_on import cut_at

Span = tuple[int, int]

_WINDOW = 2_000  # characters; the splitter takes quadratic time over unclosed quotes
_MARGIN = 100  # characters at the end of a window in which no end of a sentence can be judged
_MAX_QUOTES = 100  # of a window; where there are more, none is read
_QUOTES = re.compile("[\"'`“”‘’«»‹›„「」『』《》（）()\\[\\]{}]")
_BLANK_LINES = re.compile(r"\n{2,}")


def blocks(text: str) -> Iterator[Span]:
    """Spans between blank lines."""
    at = 0
    for border in _BLANK_LINES.finditer(text):
        if at < border.start():
            yield at, border.start()
        at = border.end()
    if at < len(text):
        yield at, len(text)


def split(text: str) -> Iterator[Span]:
    """Spans of consecutive sentences, as they are written; line breaks do not end one, and nothing is left out.

    What goes on for more than 2,000 characters is cut at a pause or a word.
    """
    at = 0
    while at < len(text):
        require_wanted()
        window = text[at : at + _WINDOW]
        spans = _split_window(window)
        if at + len(window) < len(text):
            spans = _sure_ones(window, spans)
        yield from ((at + start, at + end) for start, end in spans)
        at += spans[-1][1]


def _sure_ones(window: str, spans: list[Span]) -> list[Span]:
    """The sentences that end within a window beyond which the text goes on, or the window cut where it can be."""
    sure = [span for span in spans[:-1] if span[1] <= len(window) - _MARGIN] or spans[:-1]
    return sure or [(0, cut_at(window, len(window) - 1))]


def _split_window(text: str) -> list[Span]:
    quiet = _QUOTES.sub(" ", text) if len(_QUOTES.findall(text)) > _MAX_QUOTES else text
    language = language_of(text)
    ends = {found["end_index"] for found in sentencex.get_sentence_boundaries(language, quiet)}
    ends.update(more_ends(text))
    if language == "th":
        ends.update(ends_of_phrases(text, sorted(ends)))
    spans: list[Span] = []
    start = 0
    for end in sorted({settled(text, end) for end in ends} | {len(text)}):
        if end > start and (end == len(text) or not goes_on(text, start, end, language)):
            spans.append((start, end))
            start = end
    return spans
