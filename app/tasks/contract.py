"""The promise of one way of asking a model to its callers. Known without any model."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, RootModel, TypeAdapter


def all_of_it(output: Any) -> Any:
    return output


def named_first(schema: type[BaseModel], value: Any) -> Any:
    """Return an item by its names. Its first field may be given bare: "great film" for {"text": "great film"}."""
    if issubclass(schema, RootModel) or isinstance(value, dict | schema):
        return value
    return {next(field.alias or name for name, field in schema.model_fields.items()): value}


@dataclass(frozen=True, slots=True, eq=False)
class Contract:
    """Schemas of an item, of the parameters of a request, and of an output; and all else that callers must know.

    It is data, and can be pickled: its types are found by their names. Two of one `title` are the same contract.
    """

    name: str
    """Of the view: a model has one view of each name."""
    title: str
    """The beginning of the names of its schemas."""
    about: str | None
    """For people, in Markdown."""
    Input: Any
    Parameters: Any
    Output: Any
    """Type of one output: a model, or a list of models."""
    example: Mapping[str, Any]
    """An item as it is written in JSON; used in docs and to test."""
    Piece: Any = None
    """Type of a piece of an output, if outputs are made piece by piece and can be had so."""
    binary_field: str | None = None
    """The field of `Input` that may also come as a raw request body or as an uploaded file, as bytes."""
    Line: Any = None
    """Type of an item that is a line of a CSV file, if it may be: its fields, by the names in the first line."""
    binary_answer: tuple[str, str] | None = None
    """The field of `Output` that alone may be the answer to one item, as it is, and its media type."""
    max_items: int | None = None
    """Of one request, where an item takes far more than others do."""
    timeout_s: float | None = None
    """Seconds that a caller waits who does not say how long, where that is not as long as for all others."""
    body_bytes: int | None = None
    """The most bytes that the body of a whole request has, with room. Without it, as many as any body may have."""
    write: Callable[[Any], Iterable[bytes]] | None = None
    """An output as JSON, in pieces of which none takes more than some milliseconds to write, if outputs are large."""
    is_generated: bool = False
    """Whether outputs are texts that a model makes up, and nobody verifies."""
    comparable: Callable[[Any], Any] = all_of_it
    """The part of an output, as JSON, that must equal a known one: numbers within a tolerance, the rest exactly."""
    confidence: Callable[[Any, Any], float | None] | None = None
    """The probability with which it is right, by an output; None if these parameters hide it. Not of all tasks."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contract) and self.title == other.title

    def __hash__(self) -> int:
        return hash(self.title)

    def written(self, output: Any) -> Iterable[bytes]:
        """An output as JSON, in pieces."""
        return self.write(output) if self.write else [_adapter(self).serializer.to_json(output)]

    def most_items(self, limit: int) -> int:
        """Return how many items a request may have, where any may have `limit`."""
        return limit if self.max_items is None else min(limit, self.max_items)


@cache
def _adapter(contract: Contract) -> TypeAdapter[Any]:
    return TypeAdapter(contract.Output)
