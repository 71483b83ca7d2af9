"""Sentences of any text, with where each of them stands in it. Knows nothing of models."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.tasks.characters import has_letter
from app.tasks.markup.around import BOILERPLATE
from app.tasks.markup.prose import PlainText
from app.tasks.markup.reading import ARTICLE, AS_WRITTEN, EVERYTHING, Reading
from app.tasks.markup.transcripts import is_subtitles, is_turn
from app.tasks.segmentation.marks import ENDING
from app.tasks.segmentation.split import Span, blocks, split
from app.tasks.segmentation.words import joined, words

_MIN_WORDS = 10  # of a sentence without an end mark; shorter ones are headings and labels


@dataclass(frozen=True, slots=True)
class Sentence:
    """`start` and `end` count characters of the source. `text` is `source[start:end]`, without any markup in it."""

    text: str
    start: int
    end: int


def sentences(source: str, limit: int) -> tuple[list[Sentence], int]:
    """Return the first `limit` sentences of the running text of `source`, and how many there are in all.

    If it has no running text, then those of its headings and lists, or else its lines. None only if no
    letter is in it. Raises nothing but Abandoned.
    """
    if has_letter(source):
        for reading, ways in _WAYS:
            read = reading.of(source)
            for way in ways:
                spans = [span for span in way(read.text, source) if has_letter(read.text[slice(*span)])]
                if spans:
                    return [_sentence(source, read, *span) for span in spans[:limit]], len(spans)
    return [], 0


def _sentence(source: str, text: PlainText, start: int, end: int) -> Sentence:
    read = text.text[start:end]
    start += len(read) - len(read.lstrip())
    end -= len(read) - len(read.rstrip())
    first, last = int(text.starts[start]), int(text.ends[end - 1])
    is_plain = last - first == end - start
    shown = re.sub("[\ud800-\udfff]", "\ufffd", source[first:last]) if is_plain else joined([read])
    return Sentence(shown, first, last)


def _whole_sentences(text: str, source: str) -> Iterator[Span]:
    """Spans that read as sentences: with an end mark, or long, or a turn of a chat."""
    stand_alone = _standing_alone(text, source)
    for start, end in blocks(text):
        is_own = stand_alone(text[start:end])
        for first, last in split(text[start:end]):
            sentence = text[start + first : start + last].strip()
            is_long = sentence[-1:] != ":" and len(words(sentence)) >= _MIN_WORDS
            if (is_own or is_long or ENDING.search(sentence)) and not BOILERPLATE.fullmatch(sentence):
                yield start + first, start + last


def _standing_alone(text: str, source: str) -> Callable[[str], bool]:
    """Return a rule for short paragraphs that say something all the same: all of subtitles, turns of chats and logs."""
    if is_subtitles(source):
        return lambda block: True
    num_characters = sum(end - start for start, end in blocks(text) if is_turn(text[start:end]))
    return is_turn if num_characters > len(text) / 2 else lambda block: False


def _lines(text: str, source: str) -> Iterator[Span]:
    return (match.span() for match in re.finditer(r"[^\n]++", text))


_Way = Callable[[str, str], Iterator[Span]]
_WAYS: tuple[tuple[Reading, tuple[_Way, ...]], ...] = (
    (ARTICLE, (_whole_sentences,)),
    (EVERYTHING, (_whole_sentences, _lines)),
    (AS_WRITTEN, (_lines,)),
)
