"""What a person reads of a marked-up text, and where every character of it stands in the source.

Text arrives as it was found: web pages, Markdown, wrapped mail, agency reports. Each stage of cleaning
marks characters as dropped in a copy of equal length, so that offsets stay true by construction. Every
pattern takes time linear in the text: repeated classes are disjoint or possessive.
"""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

# Marks within a stage. Unpaired surrogates, because no valid text holds them.
_DROPPED, _TAIL = "\udc00", "\udc01"  # gone; still covered by the character before it
_DROPPED_CODE, _TAIL_CODE = ord(_DROPPED), ord(_TAIL)
_BLANK_LINE = "\n\n"

Stage = Callable[[str], str]
"""A text to a text of equal length in which some characters are replaced by marks."""


@dataclass(frozen=True, slots=True)
class Prose:
    """Readable text. Character `i` of `text` stands at `starts[i]` to `ends[i]` of the source; both int64."""

    text: str
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    def after(self, stage: Stage) -> "Prose":
        marked = stage(self.text)
        if marked == self.text:
            return self
        codes = np.frombuffer(marked.encode("utf-32-le", "surrogatepass"), np.uint32)
        tail = codes == _TAIL_CODE
        kept = (codes != _DROPPED_CODE) & ~tail
        ends = self.ends.copy()
        owners = np.maximum.accumulate(np.where(kept, np.arange(len(codes)), 0))
        ends[owners[tail]] = self.ends[tail]  # of several tails the last one wins
        return Prose(codes[kept].tobytes().decode("utf-32-le"), self.starts[kept], ends[kept])


def prose(source: str, stages: tuple[Stage, ...]) -> Prose:
    """`source` after `stages`, with "\\n" for every line break and U+FFFD for every unpaired surrogate."""
    text = re.sub("[\ud800-\udfff]", "\ufffd", source).replace("\r\n", " \n")
    for line_break in "\r\v\f\x85\u2028\u2029":
        text = text.replace(line_break, "\n")
    starts = np.arange(len(text), dtype=np.int64)
    result = Prose(text, starts, starts + 1)
    for stage in stages:
        result = result.after(stage)
    return result


# --- Marks for a match, each of the length of the match


def _instead(text: str, length: int) -> str:
    return (text + _TAIL * (length - len(text)))[:length] if text else _DROPPED * length


def _drop(match: re.Match[str]) -> str:
    return _DROPPED * len(match[0])


def _keep_inner(match: re.Match[str]) -> str:
    """Keep the group named "inner" only."""
    start, end = match.span("inner")
    return _DROPPED * (start - match.start()) + match["inner"] + _DROPPED * (match.end() - end)


def _end_block(match: re.Match[str]) -> str:
    return _instead(_BLANK_LINE, len(match[0]))


def _substitute(pattern: str, mark: Callable[[re.Match[str]], str], flags: int = re.MULTILINE) -> Stage:
    return partial(re.compile(pattern, flags).sub, mark)


# --- HTML

# Attributes have values, but for a single one such as "async": "a <b and c> d" is text.
_TAG = re.compile(
    r"<(/?)([A-Za-z][A-Za-z0-9]{0,14}+)(?:\s[^<>=]*+=[^<>]*+|\s++[A-Za-z-]*+[\s/]*+|/)?>|<[!?][A-Za-z][^<>]*+>"
)


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NEVER_READ = _names("head iframe math noscript object script style svg template title")
_NOT_PROSE = _NEVER_READ | _names(
    "aside button dl fieldset figcaption footer h1 h2 h3 h4 h5 h6 header label menu nav ol option pre select table"
    " textarea ul"
)
_BLOCK = _NOT_PROSE | _names(
    "address article blockquote body caption center dd details dialog div dt figure form hgroup hr html legend"
    " li main p search section summary tbody td tfoot th thead tr"
)
_INLINE = _names(
    "a abbr acronym audio b base bdi bdo big br canvas cite code data datalist del dfn em embed font i img input"
    " ins kbd link map mark meta meter output param picture progress q rp rt ruby s samp slot small source span"
    " strike strong sub sup time track tt u var video wbr"
)


def _without_comments(text: str) -> str:
    parts, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        parts += [text[at:start], _DROPPED * (end + 3 - start)]
        at = end + 3
    return "".join([*parts, text[at:]])


def _without_elements(unread: frozenset[str], text: str) -> str:
    """Drop tags, and elements of `unread` with all that is inside; an element that is never closed is only a tag."""
    tags = list(_TAG.finditer(text))
    last_closing = {tag[2].lower(): tag.start() for tag in tags if tag[1]}
    parts, at = [], 0
    skipped, depth, skipped_from = "", 0, 0
    for tag in tags:
        name = (tag[2] or "").lower()
        if skipped:
            depth += (-1 if tag[1] else 1) if name == skipped else 0
            if depth == 0 or (name == skipped and tag.start() == last_closing[name]):
                parts.append(_instead(_BLANK_LINE, tag.end() - skipped_from))
                skipped, at = "", tag.end()
            continue
        if name and name not in _BLOCK and name not in _INLINE:
            continue  # "vector<int>" is text
        parts.append(text[at : tag.start()])
        if name in unread and not tag[1] and tag.start() < last_closing.get(name, -1):
            skipped, depth, skipped_from = name, 1, tag.start()
            continue
        mark = _BLANK_LINE if name in _BLOCK else "\n" if name == "br" else ""
        parts.append(_instead(mark, len(tag[0])))
        at = tag.end()
    return "".join([*parts, text[at:]])


# --- Markdown, lists and tables

_FENCE = re.compile(r"^ {0,3}(?P<fence>`{3,}+|~{3,}+)(?P<language>[^`\n]*+)$", re.MULTILINE)
_TARGET = r"\(\s*+<?[^\s()<>]*+(?:\([^\s()]*+\)[^\s()<>]*+)*+>?(?:\s++\"[^\"\n]*+\"|\s++'[^'\n]*+')?\s*+\)"
_LABEL = r"\[(?P<inner>(?:[^\[\]\n]|\n(?!\n))*+)\]"
_BULLET = r"(?:[-*+·][ \t]|[•‣▪▸●○◦][ \t]*+)"
_NUMBER = r"\(?(?:\d{1,3}|[a-z])[.)][ \t]"
_ITEM = re.compile(rf"^[ \t]*+(?:{_BULLET}|{_NUMBER})[ \t]*+(?=\S)", re.MULTILINE)
# As in CommonMark, only a bullet or a first number may interrupt a paragraph: a wrapped line can begin with "12. ".
_LIST = (
    rf"^[ \t]*+(?:{_BULLET}|\(?1[.)][ \t]|(?:(?<![^\n]\n)|(?<=:\n)){_NUMBER})[ \t]*+\S.*+"
    rf"(?:\n[ \t]*+(?:{_BULLET}|{_NUMBER})[ \t]*+\S.*+|\n[ \t]++\S.*+|\n[a-z].*+)*+"
)
_PARAGRAPH_LENGTH = 200


def _without_fences(text: str) -> str:
    parts, at = [], 0
    opening: re.Match[str] | None = None
    for line in _FENCE.finditer(text):
        if opening is None:
            opening = line
        elif line["fence"].startswith(opening["fence"]) and not line["language"].strip():
            parts += [text[at : opening.start()], _instead(_BLANK_LINE, line.end() - opening.start())]
            opening, at = None, line.end()
    return "".join([*parts, text[at:]])


def _without_short_items(match: re.Match[str]) -> str:
    """Drop the items of a list, except those as long as a paragraph: reports and rulings number theirs."""
    block = match[0]
    borders = [item.start() for item in _ITEM.finditer(block)] + [len(block)]
    items = [block[start:end] for start, end in pairwise(borders)]
    return "".join(
        _ITEM.sub(_end_block, item, 1) if len(item) > _PARAGRAPH_LENGTH else _instead(_BLANK_LINE, len(item))
        for item in items
    )


# --- Lines that stand around an article

_WORDS = r"[\w &'’-]{1,40}+"
BOILERPLATE = re.compile(
    r"^[ \t]*+(?:"
    + "|".join(
        (
            r"(?:we|(?:this|our) (?:web)?site) uses? cookies\b.{0,200}",
            r"(?:accept|manage|reject)(?: all)?(?: cookies| preferences)",
            r"(?:subscribe|sign up)(?: now)? (?:to|for) .{0,60}(?:newsletters?|updates|channel|alerts)\b.{0,60}",
            r"(?:.{0,80}[ .])?all rights reserved\b.{0,60}",
            r"(?:copyright|\(c\)|©).{0,120}",
            r"(?:share|tweet|print|email)(?: (?:this|on|via)(?: \w+){1,3})?",
            r"follow us(?: on .{0,60})?",
            r"(?:read|see|learn|show) (?:more|also|next)(?::.{0,120})?",
            r"(?:related|recommended|popular|trending)(?: (?:articles?|stories|posts|topics|links))",
            r"click here\b.{0,80}",
            r"advertisements?|sponsored(?: content)?|loading",
            r"skip to (?:main |the )?content",
            r"(?:privacy|cookie) policy|terms (?:of|and) (?:use|service|conditions)",
            r"(?:last )?(?:updated|published|posted)(?: on| at|:).{0,60}",
            r"\d{1,3} min(?:ute)?s? read",
            r"(?:photo|image|picture)(?: credit| by)?:.{0,120}",
            r"by (?-i:[A-Z])[\w.'’-]*+(?: (?:and|de|van|von|(?-i:[A-Z])[\w.'’-]*+)){1,6}(?:[,|].{0,60})?",
            rf"(?:{_WORDS}[>›»→][ \t]*+){{1,20}}{_WORDS}",
            r"(?:作者|记者|来源|编辑|责任编辑|责编|原标题)[:：].{0,60}",
            r"版权所有.{0,60}|未经.{0,20}授权.{0,40}|(?:点击|扫码|关注).{0,30}(?:公众号|二维码|查看更多)|分享到.{0,30}",
        )
    )
    + r")[.!…。！]{0,3}[ \t]*+$",
    re.MULTILINE | re.IGNORECASE,
)
_AGENCY = r"(?:[A-Z][\w .,'’/-]{0,60}+)?\([A-Z][A-Za-z .]{1,24}+\)[ \t]*+(?:--?|[–—])[ \t]*+"
_PLACE = r"[A-Z]{3}[A-Z .'’]{0,40}+(?:,[ \t][A-Z][\w. ]{1,20}?)?[ \t]*+(?:--|[–—])[ \t]++(?=[\"“‘A-Z0-9])"
_CHINESE_AGENCY = r"[^，。！？\n]{0,20}\d{1,2}月\d{1,2}日[电讯](?:[ \t]*+[（(][^（()）\n]{0,40}+[）)])?[ \t]*+"
_TITLE = r"(?<![^\n]\n)^(?P<title>[^\n]{1,80})\n(?=(?P<below>[^\n]*+))"
_UNFINISHED = ",;:，；：、-"
FINAL = ".!?…。！？｡．؟।"
CLOSING = "\"'”’»›)]}）】」』》〉*_"


def _without_title(match: re.Match[str]) -> str:
    """Drop a line above a paragraph that ends though much more of the paragraph would have fitted on it."""
    title, below = match["title"].strip(), match["below"]
    starts_anew = below[:1].isupper() or below[:1] > "\u2e7f"
    is_title = title and title.rstrip(CLOSING)[-1:] not in FINAL + _UNFINISHED and len(below) > len(title) + 30
    return _drop(match)[:-1] + "\n" if is_title and starts_anew else match[0]


def _entity(match: re.Match[str]) -> str:
    text = html.unescape(match[0])
    return match[0] if text == match[0] else _instead(" " if text.isspace() else text, len(match[0]))


_BLANK_LINES: tuple[Stage, ...] = (_substitute(r"^[^\S\n]++$", _drop), _substitute(r"(?<=\n\n)\n++", _drop))

_TEXT_OF_MARKUP: tuple[Stage, ...] = (
    _substitute(rf"!{_LABEL}(?:{_TARGET}|\[[^\[\]\n]*+\])", _drop),
    _substitute(rf"{_LABEL}(?:{_TARGET}|\[[^\[\]\n]*+\])", _keep_inner),
    _substitute(r"<(?:https?://|mailto:)[^<>\s]*+>", _drop),
    _substitute(r"^[ \t]*+(?:>[ \t]*+)+", _drop),
)

_TEXT_OF_EMPHASIS: tuple[Stage, ...] = (
    _substitute(r"(?<!`)(?P<tick>`{1,3}+)(?!`)(?P<inner>[^`\n]++)(?P=tick)(?!`)", _keep_inner),
    *2
    * (
        _substitute(
            r"(?<![A-Za-z0-9])(?P<mark>\*{2,3})(?=[^\s*])(?P<inner>(?:[^*\n]|\n(?!\n))++)(?<=\S)(?P=mark)(?![A-Za-z0-9])",
            _keep_inner,
        ),
        _substitute(
            r"(?<![\w*~])(?P<mark>[*_]{1,3}|~~)(?=[^\s*_~])"
            r"(?P<inner>(?:[^*_~\n]|(?<=[^\W_])_(?=[^\W_])|\n(?!\n))++)(?<=\S)(?P=mark)(?![\w*_~])",
            _keep_inner,
        ),
    ),
    _substitute(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});", _entity),
)

ARTICLE: tuple[Stage, ...] = (
    _without_comments,
    partial(_without_elements, _NOT_PROSE),
    *_BLANK_LINES,
    _substitute(r"\A---\n(?:(?!---$)[^\n]++\n)*+---$", _drop),
    _without_fences,
    _substitute(r"^(?:\[[^\]\n]++\]:|\.\.)[ \t]++\S.*+$", _drop),
    *_TEXT_OF_MARKUP,
    *_BLANK_LINES,
    _substitute(r"^[ \t]*+#{1,6}[ \t].*+$", _drop),
    _substitute(r"(?<![^\n]\n)^[^\n]{1,100}\n[ \t]*+(?:={3,}+|-{3,}+|~{3,}+)[ \t]*+$", _end_block),
    _substitute(r"^[^\w\n]++$", _drop),
    _substitute(r"^[^\n|]*+\|[^\n|]*+\|.*+$", _drop),
    _substitute(_LIST, _without_short_items),
    _substitute(r"^[ \t]*+(?:https?://|www\.)\S++$", _drop),
    partial(BOILERPLATE.sub, _drop),
    _substitute(rf"^[ \t]*+(?:{_AGENCY}|{_PLACE}|{_CHINESE_AGENCY})", _drop),
    *_TEXT_OF_EMPHASIS,
    *_BLANK_LINES,
    _substitute(_TITLE, _without_title),
)
"""Keeps the running text of an article."""

EVERYTHING: tuple[Stage, ...] = (
    _without_comments,
    partial(_without_elements, _NEVER_READ),
    *_BLANK_LINES,
    *_TEXT_OF_MARKUP,
    _substitute(r"^[ \t]*+#{1,6}[ \t]++", _drop),
    _substitute(_ITEM.pattern, _end_block),
    *_TEXT_OF_EMPHASIS,
    _substitute(r"^[^\w\n]++$", _drop),
    *_BLANK_LINES,
)
"""Keeps headings, lists and tables too; drops only the marks."""


def lines(text: str) -> Iterator[tuple[int, int]]:
    """Where each line of `text` starts and ends."""
    return (match.span() for match in re.finditer(r"[^\n]++", text))
