"""Texts of programs and their translations, as the catalogues of packages hold them."""

import json
from collections.abc import Iterator
from gettext import GNUTranslations
from html.parser import HTMLParser
from pathlib import Path
from struct import error as StructError
from typing import Any, NamedTuple

_BLOCKS = {"p", "h1", "h2", "h3", "h4", "h5", "h6"}
_WITHOUT_TEXT = {"script", "style"}


class Pair(NamedTuple):
    """A text and its translation by people."""

    text: str
    translation: str


def in_catalogue(path: Path) -> Iterator[Pair]:
    """Texts of a `.mo` file of GNU gettext without contexts: none that have plurals, none of a broken file."""
    try:
        with path.open("rb") as opened:
            catalogue: dict[object, object] = vars(GNUTranslations(opened))["_catalog"]
    except (OSError, ValueError, StructError):  # a plural rule that is none, bytes of another character set
        return
    for key, written in catalogue.items():
        if isinstance(key, str) and isinstance(written, str) and key and written:
            yield Pair(key.rpartition("\x04")[2], written)  # a context may stand before it


def in_tables(english: Path, other: Path) -> Iterator[Pair]:
    """Texts of two JSON files that stand below the same keys."""
    written = dict(_leaves(json.loads(other.read_text(encoding="utf-8"))))
    for key, text in _leaves(json.loads(english.read_text(encoding="utf-8"))):
        if key in written:
            yield Pair(text, written[key])


def in_pages(english: Path, other: Path) -> Iterator[Pair]:
    """Paragraphs and headings of two HTML pages that have the same id."""
    written = _paragraphs(other)
    for key, text in _paragraphs(english).items():
        if key in written:
            yield Pair(text, written[key])


def _leaves(table: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(table, dict):
        for key, value in table.items():
            yield from _leaves(value, (*place, key))
    elif isinstance(table, str):
        yield place, table


def _paragraphs(path: Path) -> dict[str, str]:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return {key: " ".join(text.split()) for key, text in page.found.items()}


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._open: tuple[str, str] | None = None  # tag and id of the block that is read

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _WITHOUT_TEXT:
            self._open = None
        elif tag in _BLOCKS and (key := dict(attrs).get("id")):
            self._open = tag, key
            self.found[key] = ""

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[0] == tag:
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open:
            self.found[self._open[1]] += data
