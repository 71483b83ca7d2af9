"""Where to cut a text that goes on without any end of a sentence."""

import re
import unicodedata

_PAUSE = re.compile(r"[;:—–](?=\s)|[,](?=\s)|[，、；：،؛၊፣፤፥᠂᠈꓾︐︑︔・]|[།་](?=\s)")
_LEADING_VOWELS = "เแโใไເແໂໃໄ"  # of Thai and Lao: they begin a syllable, and are written before its consonant
# What begins no line: closing marks, small kana, vowels of Thai and Lao that follow their consonant.
_NO_START = frozenset("ะาำๅๆฯະາຳ、。，．！？；：）」』】〉》ー々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ")
_JOINERS = "\u200d\u2060"
_VIRAMA = 9  # its combining class: it joins two consonants
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))  # two of them are a flag


def cut_at(text: str, limit: int) -> int:
    """Return where to cut `text`, at most at `limit`, which is less than its length: behind a pause, else a word.

    Without either it is cut between two characters as people count them. Never in the first half.
    """
    half = limit // 2
    pauses = [match.end() for match in _PAUSE.finditer(text, half, limit)]
    if pauses:
        return _behind_spaces(text, pauses[-1], limit)
    for at in range(limit, half, -1):
        if text[at - 1].isspace() or text[at - 1] == "\u200b":
            return at
    for at in range(limit, half, -1):
        if text[at] in _LEADING_VOWELS:
            return at
    return next((at for at in range(limit, half, -1) if _is_between_characters(text, at)), limit)


def _behind_spaces(text: str, at: int, limit: int) -> int:
    while at < limit and text[at].isspace():
        at += 1
    return at


def _is_between_characters(text: str, at: int) -> bool:
    """Whether a character, with all its marks and joiners, ends before `at`, and a line may begin there."""
    before, after = text[at - 1], text[at]
    return not (
        unicodedata.category(after)[0] == "M"
        or unicodedata.combining(before) == _VIRAMA
        or before in _JOINERS
        or after in _JOINERS
        or after in _NO_START
        or "\u1160" <= after <= "\u11ff"  # jamo that continue a syllable
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # tones of skin
        or (at - len(text[:at].rstrip(_FLAG_LETTERS))) % 2
    )
