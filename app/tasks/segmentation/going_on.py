"""Whether a sentence goes on where a mark seems to end it."""

import re

from app.tasks.segmentation import abbreviations
from app.tasks.segmentation.languages import is_common
from app.tasks.segmentation.marks import OPENING

_TAIL = 60  # characters at the end of a sentence in which its last words are looked for
_LAST_WORD = re.compile(r"(?:^|(?<=[\s(\[{«„“\"'‘]))([^\W_][^\s()\[\]{}«»“”„\"]*?)\.\Z")
_ENUMERATOR = re.compile(r"[\[(]?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5}|[一二三四五六七八九十]{1,3})[.)．]\Z")
# "Options: 1." and ", 2." within a sentence; "1,000." is a number.
_COUNTED = re.compile(
    r"(?:[,;:(–—]\s++|[，：；、（]\s*+|\s(?P<and>and|or|und|oder|et|ou|y|o|e|en|og|och|и|или)\s++)"
    r"\(?(?:(?P<number>\d{1,3})|[a-z])[.)]\Z"
)
_LEADING_ELLIPSIS = re.compile(rf"[{re.escape(OPENING)}]\s*+(?:\.{{3}}|…)\Z")
_ROMAN = re.compile(r"[IVXLC]{1,7}\Z")
_PARTICLE = re.compile(r"[とっをがはもにでのやへ]|など")  # Japanese goes on with one after a quoted sentence
_ORDINAL = re.compile(r"(?:^|\s)(\S++)\s++\d{1,2}\.\Z")
_MONTHS = re.compile(r"(?:Januar|Jänner|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember)\b")
_BEFORE_ORDINAL = re.compile(
    r"(?:d(?:er|ie|as|en|em|es)|am|im|vom|zum|zur|beim|bis|ab|seit|nach|vor|ein(?:en?|em|er)?|jede[rns]?|seine?n?|ihre?n?"
    r"|unser|und)\Z",
    re.IGNORECASE,
)


def goes_on(text: str, start: int, end: int, language: str) -> bool:
    """Return whether the sentence that starts at `start` goes on behind `end`, where more text follows."""
    sentence, rest = text[start:end].rstrip(), text[end : end + _TAIL]
    if not any(map(str.isalnum, sentence)):
        return True
    tail = sentence[-_TAIL:]
    if _ENUMERATOR.match(sentence) or _is_counted(sentence) or _LEADING_ELLIPSIS.search(tail):
        return True
    if not text[end - 1].isspace() and _is_inside_word(tail, rest):
        return True
    if tail.endswith(("」", "』")) and _PARTICLE.match(rest):
        return True
    if tail.endswith("၊"):  # a comma in Burmese
        return True
    following = rest.lstrip(OPENING)
    return tail.endswith(".") and bool(following) and _goes_on_behind_dot(tail, following, language)


def _is_counted(sentence: str) -> bool:
    """Whether it ends with the number of one of several things that it counts."""
    found = _COUNTED.search(sentence, max(0, len(sentence) - _TAIL))
    if not found:
        return False
    number = int(found["number"] or 1)
    return (number == 1 and not found["and"]) or bool(re.search(rf"(?<!\d){number - 1}[.)]\s", sentence))


def _is_inside_word(before: str, rest: str) -> bool:
    """Whether the mark between them belongs to a name such as "example.com", or to a number."""
    last, mark, first = before[-2:-1], before[-1], rest[0]
    if mark == "．":
        return last.isdecimal() and first.isdecimal()
    if mark == "." and (last.isspace() or (last.isupper() and first.isupper())):  # ".NET", "ASP.NET"
        return first.isalpha()
    return mark in ".?!" and (first.islower() or first.isdecimal() or first in "_-/")


def _goes_on_behind_dot(sentence: str, rest: str, language: str) -> bool:
    found = _LAST_WORD.search(sentence)
    if not found:
        return False
    written = re.split("['’]", found[1])[-1]
    word, first = written.lower(), rest[0]
    if first.isupper() and written in abbreviations.LAST:
        may_be_name = language == "de" or word in ("г", "гг")  # "usw. Banken", "г. Москва"
        return may_be_name and not _begins_with_common_word(rest, language)
    is_loud = written.isupper() and 1 < len(written) <= 3  # "CA", "NP": names, whatever they are in small letters
    return (
        (word in abbreviations.WITHIN and not is_loud)
        or (word in abbreviations.TITLES and not written[0].islower())
        or (written == "M" and language == "fr" and first.isupper())
        or (word in abbreviations.BEFORE_A_NUMBER and first.isdecimal())
        or (first.islower() and _may_be_short(word, written))
        or _is_ordinal(sentence, rest, language)
    )


def _may_be_short(word: str, written: str) -> bool:
    """Whether the dot behind it may be that of an abbreviation or of an ordinal number."""
    is_abbreviation = "." in word or len(word) == 1 or word in abbreviations.BEFORE_A_SMALL_LETTER
    return is_abbreviation or bool(_ROMAN.match(written)) or (word.isdecimal() and len(word) <= 2)


def _is_ordinal(sentence: str, rest: str, language: str) -> bool:
    """Whether "19." is to be read with what follows: "das 19. Jahrhundert", and not "er kam am 5. Dann ging er"."""
    found = _ORDINAL.search(sentence)
    if not found:
        return False
    if _MONTHS.match(rest):
        return True
    return language == "de" and bool(_BEFORE_ORDINAL.match(found[1])) and not _begins_with_common_word(rest, "de")


def _begins_with_common_word(text: str, language: str) -> bool:
    first = re.match(r"\w+", text)
    return first is not None and is_common(first[0], language)
