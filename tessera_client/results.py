"""The answers of a service. Fields that a newer service adds are passed over."""

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class Label(_Result):
    label: str
    score: float


class SummarySentence(_Result):
    """`start` and `end` count characters of the input."""

    text: str
    start: int
    end: int
    score: float


class Summary(_Result):
    """`sentences` are those that were chosen: none of a summary that a model wrote in its own words."""

    summary_text: str
    sentences: list[SummarySentence] = []


class RecommendedItem(_Result):
    item: int | str
    title: str
    genres: list[str]
    score: float


class ModelState(_Result):
    """`version` is the one that answers by default; None if none does."""

    name: str
    task: str | None
    version: int | None
    state: Literal["loading", "ready", "failed", "unloaded"]
    description: str = ""


class Prediction(_Result, Generic[T]):
    """One output for each input, in order; which version gave them; and the id of the request in the service's log.

    `answered_by` names the step of a cascade that gave each output; there is none of other models.
    """

    outputs: list[T]
    model: str
    version: int
    request_id: str = ""
    answered_by: list[str] = []
