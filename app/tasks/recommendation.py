"""Recommend what comes next after a history of items."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from unicodedata import combining, normalize

import numpy as np
from pydantic import BaseModel, BeforeValidator, FailFast, Field, StrictInt, StrictStr, TypeAdapter
from pydantic_core import PydanticCustomError

from app.errors import Detail, InvalidInput
from app.tasks.base import Prepared, Task, require_within
from app.tasks.labels import largest, softmax
from app.tasks.schema import LARGEST_INTEGER, Schema
from app.tensors import Array, Tensors

MAX_SUGGESTED = 5  # unknown items that get a "did you mean"; each costs a search through the catalogue
QUICK_HISTORY = 100  # entries are looked up in less than 0.1 ms
MAX_QUOTED = 80  # characters of a caller's own text that an error repeats


class CatalogueItem(Schema):
    """An item of the catalogue; `popularity` counts its events and ranks items for a caller without history."""

    id: StrictInt | StrictStr
    title: str
    genres: list[str]
    popularity: Annotated[int, Field(ge=0)] = 0


CATALOGUE = TypeAdapter(Annotated[list[CatalogueItem], Field(min_length=2)])


class RecommendationConfig(Schema):
    """The graph maps `item_ids` int64 [batch, max_history] to `scores` fp32 [batch, items + 1].

    `catalogue` names an artifact: a JSON list of CatalogueItem, in the order of the graph's scores.
    Its first entry stands for padding, which fills a short history up from the left.
    """

    catalogue: str = "items.json"
    max_history: Annotated[int, Field(ge=1)] = 50


def _id_or_title(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise PydanticCustomError(
            "item", "an item is its id (an integer) or its title (a string), not {type}", {"type": type(value).__name__}
        )
    return value


ItemReference = Annotated[
    Annotated[StrictInt, Field(ge=-LARGEST_INTEGER, le=LARGEST_INTEGER)] | StrictStr,
    BeforeValidator(_id_or_title),
    Field(description="id of an item, or its exact title, with or without the year", examples=["Star Wars (1977)", 50]),
]


class HistoryInput(Schema):
    history: Annotated[
        list[ItemReference],
        FailFast(),  # one wrong type is enough; thousands would cost as many errors
        Field(
            max_length=5000,
            description="what one person saw, oldest first, each an item id or an exact title; may be empty. "
            "The newest entries decide; all of them are left out of the answer",
            examples=[["Alien (1979)", "Blade Runner (1982)", "Star Wars (1977)"], [183, 89, 50], []],
        ),
    ]


class RecommendationParameters(Schema):
    top_k: Annotated[int, Field(ge=1, le=100, description="how many items to return")] = 10
    unknown: Annotated[
        Literal["error", "ignore"],
        Field(
            description="refuse a history with an entry that names no item, or more than one; or ignore such entries"
        ),
    ] = "error"


class RecommendedItem(BaseModel):
    item: Annotated[int | str, Field(description="id of the item", examples=[172])]
    title: Annotated[str, Field(examples=["Empire Strikes Back, The (1980)"])]
    genres: Annotated[list[str], Field(examples=[["Action", "Adventure", "Sci-Fi"]])]
    score: Annotated[float, Field(ge=0, le=1, description="probability of being next, among the items not yet seen")]


class FoundItem(BaseModel):
    """An item of the catalogue, as a search finds it."""

    item: Annotated[int | str, Field(description="id of the item", examples=[50])]
    title: Annotated[str, Field(examples=["Star Wars (1977)"])]
    genres: Annotated[list[str], Field(examples=[["Action", "Adventure", "Romance", "Sci-Fi", "War"]])]


class Recommendation(Task):
    """Recommend the items most likely to come next; the newest events count at once, and nobody needs an account."""

    name = "recommendation"
    Config, Input, Parameters = RecommendationConfig, HistoryInput, RecommendationParameters
    Output = list[RecommendedItem]
    answers_quickly = True
    example: ClassVar[dict[str, Any]] = {"history": ["Alien (1979)", "Blade Runner (1982)", "Star Wars (1977)"]}

    def __init__(self, config: RecommendationConfig, files: Mapping[str, Path]) -> None:
        self.max_history = config.max_history
        self.items = CATALOGUE.validate_json(files[config.catalogue].read_bytes())
        self._finder = ItemFinder(self.items)
        # Softmax of this is each item's share of all events, smoothed by one event.
        self.popularity = np.log1p([item.popularity for item in self.items])

    def is_quick(self, item: HistoryInput) -> bool:
        # Suggestions for unknown titles are searched for, which takes many times as long.
        return len(item.history) <= QUICK_HISTORY and all(map(self._finder.find, item.history))

    def find_items(self, query: str, limit: int) -> list[FoundItem]:
        """Items with every word of `query` in their title; see ItemFinder.search."""
        return [
            FoundItem(item=found.id, title=found.title, genres=found.genres)
            for found in self._finder.search(query, limit)
        ]

    def preprocess(self, item: HistoryInput, parameters: RecommendationParameters) -> Prepared:
        indices, faults = self._finder.find_all(item.history, explain=parameters.unknown == "error")
        if faults:
            raise InvalidInput(faults[0]["msg"], faults).under("history")
        return Prepared([self.row(indices)] if indices else [], context=indices)

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: RecommendationParameters
    ) -> list[RecommendedItem]:
        scores = answers[0]["scores"] if answers else self.popularity
        return self.best_unseen(scores, prepared.context, parameters.top_k)

    def rows_of(self, batch: Tensors) -> list[Tensors]:
        require_within(batch["item_ids"], len(self.items), "item_ids")
        return super().rows_of(batch)

    def probe(self, length: int) -> Tensors:
        return self.row([1] * self.max_history)

    def row(self, indices: Sequence[int]) -> Tensors:
        newest = indices[-self.max_history :]
        return {"item_ids": np.asarray([0] * (self.max_history - len(newest)) + [*newest], np.int64)}

    def best_unseen(self, scores: Array, seen: Sequence[int], top_k: int) -> list[RecommendedItem]:
        probabilities = self.probabilities(scores, seen)
        best = self.best(probabilities, seen, top_k)
        return [self._recommended(self.items[i], float(probabilities[i])) for i in best]

    def probabilities(self, scores: Array, seen: Sequence[int]) -> Array:
        """Of being next, for each of the catalogue by its scores; zero for what was seen."""
        is_unseen = np.ones(len(self.items), np.bool_)
        is_unseen[[0, *seen]] = False
        if not is_unseen.any():
            return np.zeros(len(self.items))
        return softmax(np.where(is_unseen, scores, -np.inf))

    def best(self, probabilities: Array, seen: Sequence[int], top_k: int) -> Array:
        """Indices of the `top_k` likeliest, or of as many as are left."""
        top_k = min(top_k, len(self.items) - len({0, *seen}))
        return largest(probabilities, top_k) if top_k else np.zeros(0, np.int64)

    def _recommended(self, item: CatalogueItem, score: float) -> RecommendedItem:
        return RecommendedItem(item=item.id, title=item.title, genres=item.genres, score=score)


class ItemFinder:
    """Finds the item that a caller means: by id, title, title in natural order, or title without year.

    An earlier way wins: "1984" is the film, if there is one, and only then the item of this id.
    """

    def __init__(self, items: Sequence[CatalogueItem]) -> None:
        self._items = items
        self._by_id = {str(item.id): [index] for index, item in enumerate(items) if index}
        self._by_name = self._by_id
        ways: Sequence[Callable[[str], str]] = (str, natural_order, without_year, _natural_order_without_year)
        for way in reversed(ways):
            self._by_name = {**self._by_name, **_indices_by_name(items, way)}
        self._by_plain_name = _indices_by_name(items, plain_name)
        self._words = [_words(natural_order(item.title)) for item in items]

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
        known = self._by_id if isinstance(reference, int) else self._by_name
        return known.get(str(reference), [])

    def search(self, query: str, limit: int) -> list[CatalogueItem]:
        """Up to `limit` items of which each word of `query` begins a word of the title, whatever its accents.

        Those whose title begins with the query come first, and then the popular ones; all match an empty query.
        """
        wanted = _words(query)
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
        """Up to three titles that begin like this one or are spelt nearly like it."""
        wanted = plain_name(title[: 2 * MAX_QUOTED])  # comparing costs the length squared, and no title is as long
        beginning = [name for name in self._by_plain_name if name.startswith(wanted) and len(wanted) > 2]
        near = get_close_matches(wanted, self._by_plain_name, n=3, cutoff=0.7)
        names = dict.fromkeys([*sorted(beginning, key=len), *near])
        return [self._items[index].title for name in names for index in self._by_plain_name[name]][:3]

    def _unknown(self, reference: int | str, *, suggest: bool) -> str:
        titles = self.similar(reference) if suggest and isinstance(reference, str) else []
        return f"unknown item {_quoted(reference)}" + (
            f"; did you mean {_either(map(_quoted, titles))}?" if titles else ""
        )

    def _ambiguous(self, reference: int | str, found: Sequence[int]) -> str:
        candidates = (f"{_quoted(self._items[index].title)} (id {self._items[index].id})" for index in found)
        return f"{_quoted(reference)} is ambiguous; it may be {_either(candidates)}"


_YEAR = re.compile(r" \(\d{4}\)$")
# Catalogues file an article behind its title: "Terminator, The (1984)", "Tin Drum, The (Blechtrommel, Die) (1979)".
_ARTICLE = re.compile(r"^(.+), (The|An?|L[aeo]s?|L'|Il|El|I|D[ei]r|Die|Das|Det|O)( \(.*)?$")


def without_year(title: str) -> str:
    return _YEAR.sub("", title)


def natural_order(title: str) -> str:
    """The title with its article in front, as it is spoken."""
    match = _ARTICLE.match(title)
    if not match:
        return title
    name, article, rest = match.groups(default="")
    return f"{article}{'' if article.endswith(chr(39)) else ' '}{name}{rest}"


def plain_name(title: str) -> str:
    """The title as it is compared with others: no year, no article, no capitals."""
    return re.sub(r"^(the|an?) ", "", _natural_order_without_year(title).casefold())


def _words(text: str) -> list[str]:
    """Words without capitals and accents: "Amélie" is found by "amelie"."""
    return re.findall(r"\w+", "".join(char for char in normalize("NFKD", text.casefold()) if not combining(char)))


def _natural_order_without_year(title: str) -> str:
    return natural_order(without_year(title))


def _indices_by_name(items: Sequence[CatalogueItem], way: Callable[[str], str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        if index:
            found.setdefault(way(item.title), []).append(index)
    return found


def _quoted(reference: int | str) -> str:
    # Lone surrogates are valid JSON but not Unicode text, and an answer must be.
    text = str(reference).encode("utf-8", "replace").decode("utf-8")
    text = text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + "…"
    return f'"{text}"' if isinstance(reference, str) else text


def _either(choices: Iterable[str]) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last
