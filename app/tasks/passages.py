"""The parts of a text that are worked on one by one, and all that stands between them, which stays as it is."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from app.tasks.characters import has_letter
from app.tasks.segmentation.split import split

# Marks that begin a line of Markdown or of plain text: quotes, headings, items of lists.
_MARKS = re.compile(
    r"[ \t]*(?:>[ \t]?|#{1,6}[ \t]+|[-*+•–][ \t]+(?:\[[ xX]\][ \t]+)?|\(?(?:\d{1,3}|[a-zA-Z])[.)][ \t]+)*"
)


class Part(NamedTuple):
    """`is_said`: a sentence, and not blanks, marks or signs."""

    text: str
    is_said: bool


def parts_of(text: str) -> list[Part]:
    """The sentences of a text and what stands between them, line by line: joined, they are the text."""
    return [part for line in text.splitlines(keepends=True) for part in _of_line(line) if part.text]


def _of_line(line: str) -> Iterator[Part]:
    content = line.rstrip()
    marks = _MARKS.match(content)
    start = marks.end() if marks else 0
    yield Part(content[:start], False)
    said = content[start:]
    for first, last in split(said):
        sentence = said[first:last]
        own = sentence.strip()
        before, after = sentence[: len(sentence) - len(sentence.lstrip())], sentence[len(sentence.rstrip()) :]
        yield Part(before if own else sentence, False)
        yield Part(own, has_letter(own))
        yield Part(after if own else "", False)
    yield Part(line[len(content) :], False)
