"""The places of a summary that has names and numbers which its text does not have. English only."""

import re
from collections.abc import Iterator, Sequence

from app.tasks.faithfulness import is_english, source_of, unsupported_names
from app.tasks.quantities import quantities, unsupported_quantities

_WORD = re.compile(r"\w+")


def unsupported_places(summary: str, sentences: Sequence[str]) -> list[tuple[int, int]] | None:
    """Start and end of each, in order, in characters; None if the text, which has these `sentences`, is not English."""
    text = "\n".join(sentences)
    if not is_english(text):
        return None
    found = {place for one in unsupported_quantities(summary, quantities(text)) for place in _places(one, summary)}
    for name in unsupported_names(summary, source_of(sentences)):
        found.update(place for word in name.split(" ") for place in _places_of_name(word, summary))
    return _apart(sorted(found))


def _places(written: str, summary: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in re.finditer(rf"(?<!\w){re.escape(written)}(?!\w)", summary, re.IGNORECASE))


def _places_of_name(name: str, summary: str) -> Iterator[tuple[int, int]]:
    """Names are compared without their points and in small letters: "us" stands for "U.S.", and not for "us"."""
    spelt = r"\.?".join(map(re.escape, name))
    for match in re.finditer(rf"(?<!\w){spelt}(?!\w)", summary, re.IGNORECASE):
        if match.group() != match.group().lower():
            yield match.span()


def _apart(places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same without those that begin within one before."""
    kept = list[tuple[int, int]]()
    for start, end in places:
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept
