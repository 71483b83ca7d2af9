"""The ways to read a text: as an article, as all that it says, or as it is written."""

from dataclasses import dataclass

from app.tasks.markup import around, html, lists, markdown, transcripts
from app.tasks.markup.prose import BLANK_LINES, PlainText, Stage, drop, end_block, prose, substitute, together

_SIGNS: Stage = substitute(r"^[^\w\n]++$", drop)
_ITEM_MARKS: Stage = substitute(lists.ITEM, end_block)
_LISTS: Stage = substitute(lists.LIST, lists.without_short_items)
_INLINE = frozenset({*markdown.LINKS, *markdown.EMPHASIS})  # what may be done to a part of a line


@dataclass(frozen=True, slots=True)
class Reading:
    """Stages that need all of the text at once, and then those that look at no more than a paragraph."""

    whole: tuple[Stage, ...] = ()
    paragraphs: tuple[Stage, ...] = ()

    def of(self, source: str) -> PlainText:
        """Return what is read of `source`."""
        text = prose(source)
        for stage in self.whole:
            text = text.after(stage)
        if not self.paragraphs or not text.text:
            return text
        text = transcripts.with_own_paragraphs(text)
        labels = markdown.labels_of(text.text)
        references = (markdown.without_references(labels),) if labels else ()
        read = []
        for piece, begins_line in text.pieces():
            for stage in (*references, *self.paragraphs):
                if begins_line or stage in _INLINE:
                    piece = piece.after(stage)
            read.append(piece)
        return together(read)


ARTICLE = Reading(
    whole=(
        html.without_comments,
        html.without_tags,
        *BLANK_LINES,
        transcripts.without_timings,
        markdown.without_front_matter,
        markdown.without_fences,
    ),
    paragraphs=(
        *markdown.DEFINITIONS,
        markdown.LINK_ITEMS,
        *markdown.LINKS,
        transcripts.without_quote_marks,
        *BLANK_LINES,
        *markdown.HEADINGS,
        _SIGNS,
        *markdown.TABLES,
        _LISTS,
        around.ADDRESSES,
        around.BOILERPLATE_LINES,
        around.DATELINES,
        *markdown.EMPHASIS,
        *BLANK_LINES,
        around.TITLES,
    ),
)
"""Keeps the running text of an article, and items of lists that are sentences."""

EVERYTHING = Reading(
    whole=(html.without_comments, html.without_hidden, *BLANK_LINES, transcripts.without_timings),
    paragraphs=(
        *markdown.LINKS,
        transcripts.without_quote_marks,
        markdown.HEADING_MARKS,
        _ITEM_MARKS,
        *markdown.EMPHASIS,
        _SIGNS,
        *BLANK_LINES,
    ),
)
"""Keeps headings, lists and tables too; drops only the marks."""

AS_WRITTEN = Reading()
"""Keeps every character."""
