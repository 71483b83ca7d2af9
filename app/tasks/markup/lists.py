"""Lists: which of their items are sentences, and which only name something."""

import re
from itertools import pairwise

from app.tasks.markup.prose import BLANK_LINE, end_block, instead
from app.tasks.segmentation.marks import ENDING, FINAL
from app.tasks.segmentation.words import words

_BULLET = r"(?:[-*+·][ \t]|[•‣▪▸●○◦⁃][ \t]*+)"
# "I. Newton" and "A. Smith" are names, so a capital counts with a bracket only.
_COUNT = r"(?:\d{1,3}(?:\.\d{1,3}){0,3}[.)]|[a-z][.)]|[ivx]{2,5}[.)]|[IVX]{2,5}[.)]|[A-Z]\))[ \t]"
_CHINESE = r"(?:[（(]?[一二三四五六七八九十]{1,3}[）)、]|\d{1,3}、|[①-⑳])[ \t]*+"
_NUMBER = rf"(?:\(?{_COUNT}|\d{{1,3}}(?:\.\d{{1,3}}){{1,3}}[ \t]++(?=[A-Z])|{_CHINESE})"
_FIRST = r"(?:\(?1[.)][ \t]|\(?[aiA]\)[ \t]|1\.1\.?[ \t]++(?=[A-Z])|[（(]?一[）)、]|1、|①)"
ITEM = rf"^[ \t]*+(?:{_BULLET}|{_NUMBER})[ \t]*+(?=\S)"
# As in CommonMark, only a bullet or a first number may interrupt a paragraph: a wrapped line can begin with "12. ".
LIST = (
    rf"^[ \t]*+(?:{_BULLET}|{_FIRST}|(?:(?<![^\n]\n)|(?<=:\n)){_NUMBER})[ \t]*+\S.*+"
    rf"(?:\n[ \t]*+(?:{_BULLET}|{_NUMBER})[ \t]*+\S.*+|\n[ \t]++\S.*+|\n[a-z].*+)*+"
)
_ITEM = re.compile(ITEM, re.MULTILINE)
_ENDS = re.compile(rf"[{re.escape(FINAL)}]++")
_PARAGRAPH_LENGTH = 200  # characters: reports and rulings number their paragraphs
_MIN_WORDS = 4  # of a sentence, on average
_MIN_WORDS_UNENDED = 15  # of an item without an end of a sentence
_CLAUSE = re.compile(r"[;；](?: (?:and|or|und|oder|et|ou|y|o|e))?\Z")
_MIN_WORDS_CLAUSE = 10  # of an item that is a part of a sentence


def reads_as_prose(item: str) -> bool:
    """Return whether an item of a list, without its mark, is made of sentences: "The rent is due.", and not "Fast."."""
    item = item.strip()
    if len(item) > _PARAGRAPH_LENGTH:
        return True
    if ENDING.search(item):
        return len(words(item)) >= _MIN_WORDS * len(_ENDS.findall(item))
    return len(words(item)) >= (_MIN_WORDS_CLAUSE if _CLAUSE.search(item) else _MIN_WORDS_UNENDED)


def without_short_items(match: re.Match[str]) -> str:
    """Drop the items of a list, except those that read as prose; of these only the mark."""
    block = match[0]
    borders = [item.start() for item in _ITEM.finditer(block)] + [len(block)]
    items = [block[start:end] for start, end in pairwise(borders)]
    return "".join(
        _ITEM.sub(end_block, item, count=1)
        if reads_as_prose(_ITEM.sub("", item, count=1))
        else instead(BLANK_LINE, len(item))
        for item in items
    )
