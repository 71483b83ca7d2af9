"""HTML: the text between tags, without what a browser does not show as running text."""

import re
from collections.abc import Iterator
from html import unescape
from html.entities import html5

from app.tasks.markup.lists import reads_as_prose
from app.tasks.markup.prose import BLANK_LINE, instead, is_kept

_PIECE = 20_000  # characters that are searched for tags at a time

# Attributes have values, but for a single one such as "async": "a <b and c> d" is text.
_TAG = re.compile(
    r"<(/?)([A-Za-z][A-Za-z0-9]{0,14}+)(?:\s[^<>=]*+=[^<>]*+|\s++[A-Za-z-]*+[\s/]*+|/)?>|<[!?][A-Za-z][^<>]*+>"
)


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


NEVER_READ = _names("head iframe math noscript object script style svg template title")
NOT_PROSE = NEVER_READ | _names(
    "aside button fieldset figcaption footer h1 h2 h3 h4 h5 h6 header label menu nav option pre select table textarea"
)
_ITEM = _names("li dd dt")
_LIST = _names("ul ol dl")
_BLOCK = (
    NOT_PROSE
    | _ITEM
    | _LIST
    | _names(
        "address article blockquote body caption center details dialog div figure form hgroup hr html legend main p"
        " search section summary tbody td tfoot th thead tr"
    )
)
_INLINE = _names(
    "a abbr acronym audio b base bdi bdo big br canvas cite code data datalist del dfn em embed font i img input"
    " ins kbd link map mark meta meter output param picture progress q rp rt ruby s samp slot small source span"
    " strike strong sub sup time track tt u var video wbr"
)


def without_comments(text: str) -> str:
    parts, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start + 4)) >= 0:
        parts += [text[at:start], instead("", end + 3 - start)]
        at = end + 3
    return "".join([*parts, text[at:]])


def without_tags(text: str) -> str:
    """Drop tags, what nobody reads, navigation and tables; items of lists stay if they are sentences."""
    return _without_tags(text, NOT_PROSE, judges_items=True)


def without_hidden(text: str) -> str:
    """Drop tags, and only what nobody reads."""
    return _without_tags(text, NEVER_READ, judges_items=False)


def _without_tags(text: str, unread: frozenset[str], *, judges_items: bool) -> str:
    """Drop elements of `unread` with all that is inside; an element that is never closed is only a tag."""
    last_closing = {tag[2].lower(): tag.start() for tag in _tags(text) if tag[1]}
    parts: list[str] = []
    at, skipped, depth, skipped_from = 0, "", 0, 0
    item: tuple[int, int] | None = None  # where it starts: in the text, and in parts
    for tag in _tags(text):
        name, is_closing = (tag[2] or "").lower(), bool(tag[1])
        if skipped:
            depth += (-1 if is_closing else 1) if name == skipped else 0
            if depth == 0 or (name == skipped and tag.start() == last_closing[name]):
                parts.append(instead(BLANK_LINE, tag.end() - skipped_from))
                skipped, at = "", tag.end()
            continue
        parts.append(text[at : tag.start()])
        if item and name in _ITEM | _LIST:
            _judge(parts, item[1], text[item[0] : tag.start()])
            item = None
        if name in unread and not is_closing and tag.start() < last_closing.get(name, -1):
            skipped, depth, skipped_from = name, 1, tag.start()
            continue
        mark = BLANK_LINE if name in _BLOCK else "\n" if name == "br" else ""
        parts.append(instead(mark, len(tag[0])))
        at = tag.end()
        if judges_items and name in _ITEM and not is_closing:
            item = at, len(parts)
    return "".join([*parts, text[at:]])


def _tags(text: str) -> Iterator[re.Match[str]]:
    """A piece after the other, for other threads wait while one is searched; no tag has a "<" inside."""
    at = 0
    while at < len(text):
        end = text.find("<", at + _PIECE)
        end = len(text) if end < 0 else end
        for tag in _TAG.finditer(text, at, end):
            if not tag[2] or tag[2].lower() in _BLOCK or tag[2].lower() in _INLINE:  # "vector<int>" is text
                yield tag
        at = end


def _judge(parts: list[str], start: int, source: str) -> None:
    """Drop the item that `parts` from `start` show, unless it is prose; one that is all link leads to another text."""
    shown = "".join(parts[start:])
    source = source.strip().lower()
    is_link = source.startswith("<a ") and source.endswith("</a>") and source.count("<a ") == 1
    if is_link or not reads_as_prose(is_kept(shown)):
        parts[start:] = [instead(BLANK_LINE, len(shown))] if shown else []


def read_entity(match: re.Match[str]) -> str:
    """Only what is an entity as a whole: "&notit;" is text, though it begins like one."""
    written = match[0]
    name = written[1:]
    is_known = name.startswith("#") or name in html5
    text = unescape(written) if is_known else written
    return written if text == written or not text else instead(" " if text.isspace() else text, len(written))
