"""Recommend what comes next after a history of items."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, BeforeValidator, FailFast, Field, StrictInt, StrictStr, model_validator
from pydantic_core import PydanticCustomError

from app.errors import InvalidInput
from app.tasks.catalogue import CATALOGUE, CatalogueItem, ItemFinder
from app.tasks.contract import Contract
from app.tasks.kernel import Kernel, require_within
from app.tasks.labels import largest, softmax
from app.tasks.schema import LARGEST_INTEGER, Schema
from app.tasks.view import Prepared, View
from app.tensors import Array, Tensors

LONGEST_HISTORY = 5000  # entries; the kernel reads the newest `max_history`
LONGEST_QUERY = 200  # characters, of a search for titles
MOST_FOUND, FOUND = 100, 20  # items of one answer: at most, and by default
QUICK_HISTORY = 100  # entries are looked up in less than 0.1 ms
LONGEST_USER = 128  # characters


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
    Field(
        description="id of an item, or its title, exact but for what cannot be seen, with or without the year",
        examples=["Star Wars (1977)", 50],
    ),
]


UserId = Annotated[
    StrictStr,
    Field(min_length=1, max_length=LONGEST_USER, pattern=r"^[^\x00-\x1f\x7f]+$"),
]


class HistoryInput(Schema):
    """A history, or a user of whom events are kept, or both."""

    history: Annotated[
        list[ItemReference],
        FailFast(),  # one wrong type is enough; thousands would cost as many errors
        Field(
            max_length=LONGEST_HISTORY,
            description="what one person saw, oldest first, each an item id or an exact title; may be empty. "
            "The newest entries decide; all of them are left out of the answer",
            examples=[["Alien (1979)", "Blade Runner (1982)", "Star Wars (1977)"], [183, 89, 50], []],
        ),
    ] = Field(default_factory=list)
    user: Annotated[
        UserId | None,
        Field(
            description="whose events come after the history, those of a moment ago, too; without any events, nothing",
            examples=["u1"],
        ),
    ] = None

    @model_validator(mode="after")
    def _has_either(self) -> Self:
        if not self.model_fields_set & {"history", "user"}:
            raise ValueError("neither a history nor a user is given; a history may be empty")
        return self


class FollowedHistory(HistoryInput):
    """A history with the items of its user's events, oldest first. Those that the model does not know do not count."""

    followed: list[int | str] = Field(default_factory=list)


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


class RecommendationKernel(Kernel):
    """It scores every item of a catalogue as the next one of a history."""

    Config = RecommendationConfig

    def __init__(self, config: RecommendationConfig, files: Mapping[str, Path]) -> None:
        self.max_history = config.max_history
        self.items = CATALOGUE.validate_json(files[config.catalogue].read_bytes())
        self.finder = ItemFinder(self.items)
        # Softmax of this is each item's share of all events, smoothed by one event.
        self.popularity = np.log1p([item.popularity for item in self.items])

    def rows_of(self, batch: Tensors) -> list[Tensors]:
        require_within(batch["item_ids"], len(self.items), "item_ids")
        return super().rows_of(batch)

    def probe(self, length: int) -> Tensors:
        return self.row([1] * self.max_history)

    def row(self, indices: Sequence[int]) -> Tensors:
        newest = indices[-self.max_history :]
        return {"item_ids": np.asarray([0] * (self.max_history - len(newest)) + [*newest], np.int64)}

    def probabilities(self, scores: Array, seen: Sequence[int]) -> Array:
        """The probability that each catalogue item comes next. Items already seen get zero."""
        is_unseen = np.ones(len(self.items), np.bool_)
        is_unseen[[0, *seen]] = False
        if not is_unseen.any():
            return np.zeros(len(self.items))
        return softmax(np.where(is_unseen, scores, -np.inf))

    def best(self, probabilities: Array, seen: Sequence[int], top_k: int) -> Array:
        """Indices of the `top_k` likeliest, or of as many as are left."""
        top_k = min(top_k, len(self.items) - len({0, *seen}))
        return largest(probabilities, top_k) if top_k else np.zeros(0, np.int64)


class Recommendation(View[RecommendationKernel]):
    """Recommend the items most likely to come next; the newest events count at once, and nobody needs an account."""

    contract = Contract(
        "recommendation",
        __qualname__,
        __doc__,
        Input=HistoryInput,
        Parameters=RecommendationParameters,
        Output=list[RecommendedItem],
        example={"history": ["Alien (1979)", "Blade Runner (1982)", "Star Wars (1977)"]},
        body_bytes=1_000_000,
    )

    def is_quick(self, item: HistoryInput) -> bool:
        # Suggestions for unknown titles are searched for, which takes many times as long.
        known = [*item.history, *(item.followed if isinstance(item, FollowedHistory) else ())]
        return len(known) <= QUICK_HISTORY and all(map(self.kernel.finder.find, item.history))

    def preprocess(self, item: HistoryInput, parameters: RecommendationParameters) -> Prepared:
        indices, faults = self.kernel.finder.find_all(item.history, explain=parameters.unknown == "error")
        if faults:
            raise InvalidInput(faults[0]["msg"], faults).under("history")
        if isinstance(item, FollowedHistory):
            indices += self.kernel.finder.find_all(item.followed, explain=False)[0]
        elif item.user is not None:
            raise InvalidInput("no events are kept here, so that nothing is known of a user; send a history").under(
                "user"
            )
        return Prepared([self.kernel.row(indices)] if indices else [], context=indices)

    def answers_quickly(self, answers: Sequence[Tensors]) -> bool:
        return True

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: RecommendationParameters
    ) -> list[RecommendedItem]:
        scores = answers[0]["scores"] if answers else self.kernel.popularity
        return self.best_unseen(scores, prepared.context, parameters.top_k)

    def best_unseen(self, scores: Array, seen: Sequence[int], top_k: int) -> list[RecommendedItem]:
        probabilities = self.kernel.probabilities(scores, seen)
        best = self.kernel.best(probabilities, seen, top_k)
        return [_recommended(self.kernel.items[i], float(probabilities[i])) for i in best]


def _recommended(item: CatalogueItem, score: float) -> RecommendedItem:
    return RecommendedItem(item=item.id, title=item.title, genres=item.genres, score=score)


class ItemQuery(Schema):
    query: Annotated[str, Field(max_length=LONGEST_QUERY, description="words that begin words of the title")] = ""


class ItemQueryParameters(Schema):
    limit: Annotated[int, Field(ge=1, le=MOST_FOUND, description="how many to return at most")] = FOUND


class FoundItem(BaseModel):
    """An item of the catalogue, as a search finds it."""

    item: Annotated[int | str, Field(description="id of the item", examples=[50])]
    title: Annotated[str, Field(examples=["Star Wars (1977)"])]
    genres: Annotated[list[str], Field(examples=[["Action", "Adventure", "Romance", "Sci-Fi", "War"]])]


class CatalogueSearch(View[RecommendationKernel]):
    """Find items of which every word of the query begins a word of the title; without words, the most popular."""

    contract = Contract(
        "items",
        __qualname__,
        __doc__,
        Input=ItemQuery,
        Parameters=ItemQueryParameters,
        Output=list[FoundItem],
        example={"query": "star wars"},
    )
    asks_nothing = True

    def preprocess(self, item: ItemQuery, parameters: ItemQueryParameters) -> Prepared:
        return Prepared([], context=self.kernel.finder.search(item.query, parameters.limit))

    def answers_quickly(self, answers: Sequence[Tensors]) -> bool:
        return True

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: ItemQueryParameters
    ) -> list[FoundItem]:
        return [FoundItem(item=one.id, title=one.title, genres=one.genres) for one in prepared.context]
