"""Markdown and its relatives: links, code, emphasis, headings, tables."""

import re
from collections.abc import Set

from app.tasks.markup.html import read_entity
from app.tasks.markup.prose import BLANK_LINE, Stage, drop, end_block, instead, keep_inner, substitute
from app.tasks.segmentation.marks import ENDING

_FENCE = re.compile(r"^ {0,3}(?P<fence>`{3,}+|~{3,}+)(?P<language>[^`\n]*+)$", re.MULTILINE)
_LABEL = r"\[(?P<inner>(?:[^\[\]\n]|\n(?!\n))*+)\]"
_TITLE = r"(?:\s++\"[^\"\n]*+\"|\s++'[^'\n]*+')?\s*+\)"
_TARGET = rf"\(\s*+<?[^\s()<>]*+(?:\([^\s()]*+\)[^\s()<>]*+)*+>?{_TITLE}"
# What stands in brackets behind "[…]" is an address only if it looks like one: "f[i](x)" is text.
_ADDRESS = r"(?=\(\s*+<?(?:[A-Za-z][A-Za-z0-9+.-]*+:|[/#]|\)|[\w%-]*+[./#?=]))"
_DEFINITION = re.compile(
    r"^ {0,3}\[(?P<label>[^\[\]\n]{1,200})\]:[ \t]*+(?:<[^<>\n]*+>|(?=\S*?(?:[:/#]|\w\.\w))\S++)"
    r"(?:[ \t]++(?:\"[^\"\n]*+\"|'[^'\n]*+'|\([^()\n]*+\)))?[ \t]*+$",
    re.MULTILINE,
)
_REFERENCE = re.compile(rf"(?P<image>!)?{_LABEL}(?:\[(?P<label>[^\[\]\n]*+)\])?(?![\[(:])")


def without_fences(text: str) -> str:
    """Drop blocks of code."""
    parts, at = [], 0
    opening: re.Match[str] | None = None
    for line in _FENCE.finditer(text):
        if opening is None:
            opening = line
        elif line["fence"].startswith(opening["fence"]) and not line["language"].strip():
            parts += [text[at : opening.start()], instead(BLANK_LINE, line.end() - opening.start())]
            opening, at = None, line.end()
    return "".join([*parts, text[at:]])


def without_front_matter(text: str) -> str:
    """Drop a block of YAML at the very beginning."""
    end = text.find("\n---\n", 3) + 4 if text.startswith("---\n") else -1
    return instead("", end) + text[end:] if end > 3 and "\n\n" not in text[:end] else text


def labels_of(text: str) -> frozenset[str]:
    """The labels that are defined somewhere in the text: "[label]: https://…"."""
    return frozenset(_key(found["label"]) for found in _DEFINITION.finditer(text)) if "]:" in text else frozenset()


def without_references(labels: Set[str]) -> Stage:
    """Keep what is shown of links to `labels`, "[shown][label]". Digits in brackets are citations and stay."""

    def mark(match: re.Match[str]) -> str:
        label = _key(match["label"] or match["inner"])
        if label not in labels or match["inner"].isdecimal():
            return match[0]
        return drop(match) if match["image"] else keep_inner(match)

    return lambda text: _REFERENCE.sub(mark, text)


def _key(label: str) -> str:
    return " ".join(label.casefold().split())


def _without_underlined(match: re.Match[str]) -> str:
    """Drop a heading with the line under it; under a sentence that line is only a border."""
    title, border = match["title"], match["border"]
    return title + instead(BLANK_LINE, len(border)) if ENDING.search(title) else end_block(match)


def _without_row(match: re.Match[str]) -> str:
    """Drop a row of a table; a sentence may have "|" in it, too."""
    return match[0] if ENDING.search(match[0]) else drop(match)


_ALONE = r"(?<![A-Za-z0-9])"
LINKS: tuple[Stage, ...] = (
    substitute(rf"!{_LABEL}{_TARGET}", drop),
    substitute(rf"{_LABEL}(?=\(\s*+<?[A-Za-z][A-Za-z0-9+.-]*+:|\(\s*+<?[/#]){_TARGET}", keep_inner),
    substitute(rf"(?<![A-Za-z0-9_)\]]){_LABEL}{_ADDRESS}{_TARGET}", keep_inner),
    substitute(r"<(?P<inner>(?:https?://|mailto:)[^<>\s]*+)>", keep_inner),
)
LINK_ITEMS: Stage = substitute(rf"^[ \t]*+[-*+][ \t]++{_LABEL}{_ADDRESS}{_TARGET}[ \t]*+$", end_block)
DEFINITIONS: tuple[Stage, ...] = (
    substitute(_DEFINITION.pattern, drop),
    substitute(r"^\[(?:\^[^\]\n]++|\d{1,3})\]:[ \t]++\S.*+$", drop),
    substitute(r"^\.\.[ \t]++(?:[\w:-]++::|_[^:\n]++:|\[[^\]\n]++\][ \t]).*+$", drop),
)
HEADINGS: tuple[Stage, ...] = (
    substitute(r"^[ \t]*+#{1,6}[ \t].*+$", drop),
    substitute(r"^(?P<equals>={2,6}+)[^=\n]++(?P=equals)[ \t]*+$", drop),
    substitute(
        r"(?<![^\n]\n)^(?P<title>[^\n]{1,100}\n)(?P<border>[ \t]*+(?:={3,}+|-{3,}+|~{3,}+)[ \t]*+)$",
        _without_underlined,
    ),
)
HEADING_MARKS: Stage = substitute(r"^[ \t]*+#{1,6}[ \t]++", drop)
TABLES: tuple[Stage, ...] = (
    substitute(r"^[ \t]*+\|[^\n|]*+\|(?:[^\n|]*+\|)*+[ \t]*+$", drop),
    substitute(r"^(?:[^\n|]*+(?<=[ \t]))?\|[ \t][^\n|]*+(?<=[ \t])\|(?:[ \t].*+)?$", _without_row),
)
EMPHASIS: tuple[Stage, ...] = (
    substitute(r"(?<![`A-Za-z0-9])(?P<tick>`{1,3}+)(?!`)(?P<inner>[^`\n]++)(?P=tick)(?![`A-Za-z0-9])", keep_inner),
    *2
    * (
        substitute(
            r"(?<![A-Za-z0-9])(?P<mark>\*{2,3})(?=[^\s*])(?P<inner>(?:[^*\n]|\n(?!\n))++)(?<=\S)(?P=mark)(?![A-Za-z0-9])",
            keep_inner,
        ),
        substitute(
            r"(?<![\w*~.])(?P<mark>[*_]{1,3}|~~)(?=[^\s*_~])"
            r"(?P<inner>(?:[^*_~\n]|(?<=[^\W_])_(?=[^\W_])|\n(?!\n))++)(?<=\S)(?P=mark)(?![\w*_~(])",
            keep_inner,
        ),
    ),
    substitute(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});", read_entity),
)
