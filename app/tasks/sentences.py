"""Sentences of any text, with where each of them stands in it. Knows nothing of models."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sentencex

from app.tasks.characters import has_letter
from app.tasks.markup import ARTICLE, BOILERPLATE, CLOSING, EVERYTHING, FINAL, Prose, lines, prose

# Characters written without spaces between words: kana, Han and their extensions.
HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003134f"
_HAN_CHARACTER = re.compile(f"[{HAN}]")
_WIDE = re.compile(f"[{HAN}\u3001-\u303f\uff01-\uff65]")
_WORD = re.compile(rf"[{HAN}]|[^\W{HAN}]++(?:[^\w\s]++[^\W{HAN}]++)*+")
_ENDING = re.compile(rf"[{re.escape(FINAL)}][{re.escape(CLOSING)}]*+(?:\[\d{{1,3}}\])*+$")
_QUOTES = re.compile("[\"'`“”‘’«»‹›„「」『』《》（）()\\[\\]{}]")

_WINDOW = 2_000  # characters; the splitter takes quadratic time over unclosed quotes
_MAX_QUOTES = 100
_MIN_WORDS = 10  # of a sentence without an end mark; shorter ones are headings and labels


@dataclass(frozen=True, slots=True)
class Sentence:
    """`start` and `end` count characters of the source. `text` is `source[start:end]`, without any markup in it."""

    text: str
    start: int
    end: int


def sentences(source: str, limit: int) -> tuple[list[Sentence], int]:
    """The first `limit` sentences of the running text of `source`, and how many there are in all.

    If it has no running text, then those of its headings and lists, or else its lines. None only if no
    letter is in it. Never fails.
    """
    if has_letter(source):
        for stages, readings in ((ARTICLE, [_whole_sentences]), (EVERYTHING, [_whole_sentences, lines]), ((), [lines])):
            cleaned = prose(source, stages)
            for reading in readings:
                spans = [span for span in reading(cleaned.text) if has_letter(cleaned.text[slice(*span)])]
                if spans:
                    return [_sentence(source, cleaned, *span) for span in spans[:limit]], len(spans)
    return [], 0


def words(text: str) -> list[str]:
    """Words in lower case; each Chinese or Japanese character is one."""
    return _WORD.findall(text.lower())


def joined(texts: Iterable[str]) -> str:
    """Texts as one line: a space between them, but none where Chinese or Japanese goes on."""
    result: list[str] = []
    for text in (" ".join(line.split()) for whole in texts for line in whole.splitlines()):
        if result and text and not _WIDE.match(result[-1].rstrip(CLOSING + "…—")[-1:]):
            result.append(" ")
        if text:
            result.append(text)
    return "".join(result)


def _sentence(source: str, text: Prose, start: int, end: int) -> Sentence:
    read = text.text[start:end]
    start += len(read) - len(read.lstrip())
    end -= len(read) - len(read.rstrip())
    first, last = int(text.starts[start]), int(text.ends[end - 1])
    is_plain = last - first == end - start
    shown = re.sub("[\ud800-\udfff]", "\ufffd", source[first:last]) if is_plain else joined([read])
    return Sentence(shown, first, last)


def _whole_sentences(text: str) -> Iterator[tuple[int, int]]:
    """Spans that read as sentences: with an end mark, or long."""
    for start, end in split(text):
        sentence = text[start:end].strip()
        is_whole = _ENDING.search(sentence[-40:]) or (sentence[-1:] != ":" and len(words(sentence)) >= _MIN_WORDS)
        if is_whole and not BOILERPLATE.fullmatch(sentence):
            yield start, end


def split(text: str) -> Iterator[tuple[int, int]]:
    """Spans of consecutive sentences, as they are written; blank lines end one, line breaks do not."""
    at = 0
    while at < len(text):
        window = text[at : at + _WINDOW]
        spans = _split_window(window)
        # The last sentence may go on behind the window; one that fills half of it is taken as it is.
        if at + len(window) < len(text) and spans[-1][0] > _WINDOW // 2:
            spans.pop()
        yield from ((at + start, at + end) for start, end in spans)
        at += spans[-1][1]


def _split_window(text: str) -> list[tuple[int, int]]:
    if len(_QUOTES.findall(text)) > _MAX_QUOTES:
        text = _QUOTES.sub(" ", text)
    language = "zh" if len(_HAN_CHARACTER.findall(text)) > len(text) * 0.3 else "en"
    spans: list[tuple[int, int]] = []
    for boundary in sentencex.get_sentence_boundaries(language, text):
        start, end = boundary["start_index"], boundary["end_index"]
        if spans and _is_inside_word(text, start):
            start = spans.pop()[0]
        spans.append((start, end))
    return spans


def _is_inside_word(text: str, at: int) -> bool:
    """Whether the dot before `at` belongs to a name such as "example.com"."""
    return text[at - 1] in ".?!" and (text[at].islower() or text[at].isdecimal() or text[at] == "_")
