"""The items that a model recommends, and which of them a caller means. Knows nothing of models."""

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Annotated

from pydantic import Field, StrictInt, StrictStr, TypeAdapter

from app.errors import Detail
from app.tasks.characters import LOOSEST, folded, script_of
from app.tasks.schema import Schema
from app.tasks.titles import natural_order, natural_order_without_year, plain_name, without_year, words_of_title

MAX_SUGGESTED = 5  # unknown items that get a "did you mean"; each costs a search through the catalogue
MOST_SIMILAR = 3  # titles in one "did you mean"
SPELT_ALIKE = 0.7  # of 1, by difflib: a letter or two of a short title
MAX_QUOTED = 80  # characters of a caller's own text that an error repeats
_WAYS: Sequence[Callable[[str], str]] = (str, natural_order, without_year, natural_order_without_year)
_MIXABLE = {"LATIN", "GREEK", "CYRILLIC"}  # scripts whose letters look like each other's


class CatalogueItem(Schema):
    """An item of the catalogue; `popularity` counts its events and ranks items for a caller without history."""

    id: StrictInt | StrictStr
    title: str
    genres: list[str]
    popularity: Annotated[int, Field(ge=0)] = 0


CATALOGUE = TypeAdapter(Annotated[list[CatalogueItem], Field(min_length=2)])


class ItemFinder:
    """Finds the item that a caller means: by id, title, title in natural order, or title without year.

    An earlier way wins: "1984" is the film, if there is one, and only then the item of this id. What is spelt exactly
    so wins over what only looks so (see `folded`); capitals are not folded, since they can be seen.
    """

    def __init__(self, items: Sequence[CatalogueItem]) -> None:
        self._items = items
        self._by_id = {str(item.id): [index] for index, item in enumerate(items) if index}
        self._by_name, self._by_look = dict(self._by_id), {folded(each): found for each, found in self._by_id.items()}
        for way in reversed(_WAYS):
            self._by_name |= _indices_of(way(item.title) for item in items)
            self._by_look |= _indices_of(way(folded(item.title)) for item in items)
        self._longest = max(map(len, self._by_name), default=0)
        self._by_plain_name = _indices_of(plain_name(item.title) for item in items)
        self._words = [words_of_title(natural_order(item.title)) for item in items]

    def find_all(self, references: Iterable[int | str], *, explain: bool) -> tuple[list[int], list[Detail]]:
        """Indices into the catalogue of the references that name one item, and a fault for each that does not;
        no faults unless they are to be explained, since that costs searches."""
        indices: list[int] = []
        faults: list[Detail] = []
        for position, reference in enumerate(references):
            found = self.find(reference)
            if len(found) == 1:
                indices += found
            elif explain:
                suggest = len(faults) < MAX_SUGGESTED
                message = self._ambiguous(reference, found) if found else self._unknown(reference, suggest=suggest)
                faults.append({"loc": [position], "msg": message})
        return indices, faults

    def find(self, reference: int | str) -> list[int]:
        """Every item that this may mean; more than one only for a title."""
        if isinstance(reference, int):
            return self._by_id.get(str(reference), [])
        found = self._by_name.get(reference)
        if found is None and len(reference) <= LOOSEST * self._longest:
            found = self._by_look.get(folded(reference))
        return found or []

    def search(self, query: str, limit: int) -> list[CatalogueItem]:
        """Up to `limit` items of which each word of `query` begins a word of the title, whatever its accents.

        Those whose title begins with the query come first, and then the popular ones; all match an empty query.
        """
        wanted = words_of_title(query)
        found = [
            index
            for index, words in enumerate(self._words)
            if index and all(any(word.startswith(each) for word in words) for each in wanted)
        ]
        beginning = plain_name(" ".join(wanted))
        found.sort(
            key=lambda i: (
                not plain_name(" ".join(self._words[i])).startswith(beginning),
                -self._items[i].popularity,
            )
        )
        return [self._items[index] for index in found[:limit]]

    def similar(self, title: str) -> list[str]:
        """Return up to MOST_SIMILAR titles that begin like this one or are spelt nearly like it."""
        wanted = plain_name(title[: 2 * MAX_QUOTED])  # comparing costs the length squared, and no title is as long
        beginning = [name for name in self._by_plain_name if name.startswith(wanted) and len(wanted) > 2]
        near = get_close_matches(wanted, self._by_plain_name, n=MOST_SIMILAR, cutoff=SPELT_ALIKE)
        names = dict.fromkeys([*sorted(beginning, key=len), *near])
        return [self._items[index].title for name in names for index in self._by_plain_name[name]][:MOST_SIMILAR]

    def _unknown(self, reference: int | str, *, suggest: bool) -> str:
        titles = self.similar(reference) if suggest and isinstance(reference, str) else []
        if not titles:
            return f"unknown item {_quoted(reference)}"
        return f"unknown item {_quoted(_told_apart(str(reference)))}; did you mean {_either(map(_quoted, titles))}?"

    def _ambiguous(self, reference: int | str, found: Sequence[int]) -> str:
        candidates = (f"{_quoted(self._items[index].title)} (id {self._items[index].id})" for index in found)
        return f"{_quoted(reference)} is ambiguous; it may be {_either(candidates)}"


def _indices_of(names: Iterable[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        if index:  # the first is padding
            found.setdefault(name, []).append(index)
    return found


def _told_apart(text: str) -> str:
    """Write letters by their number that stand among letters of another script, such as a Cyrillic one in "Alien"."""
    return re.sub(r"[^\W\d_]{2,}", lambda word: _by_numbers(word[0]), text[: 2 * MAX_QUOTED])


def _by_numbers(word: str) -> str:
    scripts = [script_of(letter) for letter in word]
    mixed = _MIXABLE.intersection(scripts)
    if len(mixed) < 2:
        return word
    usual = max(mixed, key=scripts.count)
    return "".join(
        f"\\u{ord(letter):04x}" if script in mixed - {usual} else letter
        for letter, script in zip(word, scripts, strict=True)
    )


def _quoted(reference: int | str) -> str:
    # Lone surrogates are valid JSON but not Unicode text, and an answer must be.
    text = str(reference).encode("utf-8", "replace").decode("utf-8")
    text = text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + "…"
    return f'"{text}"' if isinstance(reference, str) else text


def _either(choices: Iterable[str]) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last
