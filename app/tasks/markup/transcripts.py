"""Texts whose lines stand for themselves: chats, logs, subtitles, and mail that quotes mail."""

import re
from collections.abc import Iterator

from app.tasks.markup.prose import BLANK_LINE, PlainText, drop, end_block

_CLOCK = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[.,]\d{1,6})?(?:[ \u202f]?[AaPp]\.?[Mm]\.?)?"
_DATE = (
    r"(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?"
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}\d{1,2}|\d{1,2}/[A-Z][a-z]{2}/\d{4})"
)
_TIME = rf"[\[(<]?(?:{_DATE}[T ,:-]{{1,3}}{_CLOCK}|{_CLOCK})(?:[Z+-][\d:]{{0,6}})?(?: [+-]\d{{4}})?[\])>]?"
_LEVEL = r"[\[(<]?(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|SEVERE|FATAL|CRITICAL|CRIT)[\])>]?"
_NAME = r"[^\W\d_][\w.'’-]{0,24}+(?: [\w.'’()&-]{1,20}+){0,3}"
_BOLD = r"(?:\*\*|__)?"
_SPEAKER = (
    rf"(?:{_BOLD}@?{_NAME}(?: ?[\[(][^\n\])]{{1,20}}[\])])?{_BOLD}(?::{_BOLD}[ \t]|：)|<?[\w@+~.-]{{1,24}}>[ \t])"
)
# Logs: of a server, of a compiler, of Go, of syslog, in seconds since 1970, in fields, in JSON.
_RECORD = (
    r"(?:\d{1,3}(?:\.\d{1,3}){3} |[\w./\\-]{1,80}+:\d{1,6}(?::\d{1,4})?: |[EWIFD]\d{4} \d|<\d{1,3}>\d? ?(?=[\dA-Z])"
    r"|\d{10}(?:[.,]\d{1,9})? |(?:ts|time|level|lvl|msg)=|\{\")"
)
_LINE_ENDS = r"[ \t]*+(?=\n|\Z)"
TURN = re.compile(
    rf"[ \t]*+(?:{_TIME}(?:[ \t]|{_LINE_ENDS})|{_LEVEL}[: \t]|{_RECORD}|(?:{_TIME}[ ,-]{{0,3}})?{_SPEAKER}(?=\S)"
    rf"|{_NAME},?[ \t]{{1,3}}(?:[—–-] )?(?:(?:Today|Yesterday) at )?{_TIME}{_LINE_ENDS}|[–—―] ?\w)"
)
"""A line of a chat or a log: it begins with a time, a level, a name and a colon, or a dash."""

_BETWEEN = r"(?:\d{1,2}:)?\d{1,2}:\d{2}[.,]\d{1,3}"
_TIMING = re.compile(
    rf"^(?:\d{{1,6}}[ \t]*+\n|(?<=\n\n)[^\n]{{1,40}}+\n)?[ \t]*+{_BETWEEN}(?:[ \t]++-->[ \t]++|,){_BETWEEN}[^\n]*+$",
    re.MULTILINE,
)
_SBV = re.compile(r":\d{2}\.\d{3},\d")  # quickly found, where the pattern above is slow
_HEADER = re.compile(r"(?:\A\ufeff?WEBVTT|^(?:NOTE|STYLE|REGION)\b)[^\n]*+(?:\n[^\n]++)*+", re.MULTILINE)
_CUE_MARKS = re.compile(r"</?[cvbiu](?:[. ][^<>\n]{0,40})?>|<\d{1,2}:[\d:.]{4,10}>|\{\\[^{}\n]{1,30}\}")
_QUOTED = re.compile(r"[ \t]*+(?:>[ \t]?+)*+")
_ANY_QUOTE = re.compile(r"^[ \t]*+>", re.MULTILINE)
_ATTRIBUTION = re.compile(
    r"(?:wrote|schrieb(?: [^\n]{0,60})?|a écrit|escribió|ha scritto|escreveu|schreef|skrev|写道)"
    r"[ \u00a0]?[:：][ \t]*+$",
    re.MULTILINE,
)


def is_subtitles(text: str) -> bool:
    """Return whether there are lines that say from when to when words are shown."""
    return bool(("-->" in text or _SBV.search(text)) and _TIMING.search(text))


def without_timings(text: str) -> str:
    """Drop what belongs to subtitles but the words; each cue becomes a paragraph."""
    if not is_subtitles(text):
        return text
    text = _HEADER.sub(end_block, text) if "WEBVTT" in text[:10] else text
    return _CUE_MARKS.sub(drop, _TIMING.sub(end_block, text))


def with_own_paragraphs(prose: PlainText) -> PlainText:
    """Put turns of a chat, lines of a log, and quotes of other depth than their neighbours into paragraphs."""
    return prose.with_blank_lines(sorted({*_turns(prose.text), *_changes_of_depth(prose.text)}))


# "> 5" is no quote, unless other lines are quoted, too.
_QUOTE_MARKS = re.compile(r"^[ \t]*+(?:>[ \t]*+)++(?!(?<!\n)\d[^\n]*+(?:\n(?![ \t]*+>)|\Z))", re.MULTILINE)


def without_quote_marks(text: str) -> str:
    return _QUOTE_MARKS.sub(drop, text)


def is_turn(block: str) -> bool:
    """Whether a paragraph begins as a turn of a chat or a line of a log does."""
    return bool(TURN.match(block))


def _turns(text: str) -> Iterator[int]:
    """Where turns start within a paragraph that begins with one."""
    at = 0
    for paragraph in text.split(BLANK_LINE):
        start = at + len(paragraph) - len(paragraph.lstrip("\n"))
        if "\n" in paragraph and TURN.match(text, start):
            for line in text[start : at + len(paragraph)].split("\n"):
                if start > at + 1 and TURN.match(line):
                    yield start
                start += len(line) + 1
        at += len(paragraph) + len(BLANK_LINE)


def _changes_of_depth(text: str) -> Iterator[int]:
    """Where lines begin that are quoted deeper, or less deeply, than the line before; and those behind "Ann wrote:"."""
    if not _ANY_QUOTE.search(text) and not _ATTRIBUTION.search(text):
        return
    depth, start, before = 0, 0, ""
    for line in text.split("\n"):
        quoted = _QUOTED.match(line)
        found = quoted[0].count(">") if quoted else 0
        if before and line and (found != depth or _ATTRIBUTION.search(before)):
            yield start
        depth, start, before = found, start + len(line) + 1, line
