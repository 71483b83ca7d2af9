"""The columns that a model of tables reads: names, kinds, what was seen in them, and values as a graph reads them."""

import math
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from app.errors import InvalidInput
from app.tasks.characters import LOOSEST, folded
from app.tasks.schema import Schema

Kind = Literal["number", "category"]
Unknown = Literal["error", "ignore"]
Read = float | str
"""A value as a graph reads it: a number, NaN if it is missing; or a text, empty if it is missing."""

LARGEST = 1e30  # of a number: what a graph multiplies it by must not lead beyond fp32
MISSING = ""  # of a category
MOST_LISTED = 10  # names in one message
MAX_QUOTED = 80  # characters of a caller's own text that an error repeats, and that are compared
NEAR = 0.5  # of 1, by difflib: half of the letters


class Column(Schema):
    """One column, as training found it. The order of columns is that of the graph's inputs, each kind by itself."""

    name: Annotated[str, Field(min_length=1)]
    kind: Kind
    may_be_missing: Annotated[bool, Field(description="whether training saw it missing")] = False
    categories: list[str] = Field(default_factory=list, description="of a category: all that training saw")
    seen: Annotated[tuple[float, float] | None, Field(description="of a number: between what most lie")] = None
    typical: Annotated[
        float | str | None,
        Field(description="stands for the column where it is left out: median, or most frequent; null if missing"),
    ] = None

    @model_validator(mode="after")
    def _has_what_its_kind_has(self) -> Self:
        if (self.kind == "category") != bool(self.categories):
            raise ValueError(f"{self.name}: a category has categories, and a number has none")
        if MISSING in self.categories or len(set(self.categories)) < len(self.categories):
            raise ValueError(f"{self.name}: categories differ, and none is empty")
        if self.typical is not None and isinstance(self.typical, str) != (self.kind == "category"):
            raise ValueError(f"{self.name}: what is typical must be of its kind")
        return self

    @cached_property
    def _by_look(self) -> dict[str, str]:
        return {folded(each): each for each in reversed(self.categories)} | {each: each for each in self.categories}

    def knows(self, text: str) -> bool:
        """Whether it is a category that was seen, or spelt so that it looks the same."""
        return text in self._by_look

    def read(self, value: Any, *, unknown: Unknown = "error", is_text: bool = False) -> Read:
        """A value as a caller writes it, null if it is missing. With `is_text` it stands in a file: "12", or nothing.

        With `unknown` "ignore" a category that was not seen is read as it is, and graphs take it for none of those
        that were. Raises InvalidInput.
        """
        if value is None or (is_text and isinstance(value, str) and not value.strip()):
            if not self.may_be_missing:
                raise InvalidInput(f"must not be missing: training always saw a {self.kind} here")
            return math.nan if self.kind == "number" else MISSING
        if self.kind == "number":
            return _number(value, is_text=is_text)
        return self._category(value, unknown)

    def _category(self, value: Any, unknown: Unknown) -> str:
        if not isinstance(value, str):
            raise InvalidInput(f"must be a text, such as {quoted(self.categories[0])}, not {_kind_of(value)}")
        found = self._by_look.get(value)
        if found is None and len(value) <= LOOSEST * max(map(len, self.categories)):
            found = self._by_look.get(folded(value))
        if found is not None:
            return found
        if unknown == "ignore":
            return value
        raise InvalidInput(f"unknown category {quoted(value)}; {among(value, self.categories)}")

    def value_schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value."""
        found: dict[str, Any] = {"type": "number"}
        if self.kind == "category":
            found = {"type": "string", "enum": list(self.categories)}
        if self.may_be_missing:
            found = {"anyOf": [found, {"type": "null"}], "default": None}
        if self.seen is not None:
            found["description"] = f"in training mostly from {self.seen[0]:g} to {self.seen[1]:g}"
        if self.typical is not None:
            found["examples"] = [self.typical]
        return found


def schema_of(columns: Sequence[Column]) -> dict[str, Any]:
    """Return the JSON schema of a row: all columns but those that may be missing, and no other."""
    return {
        "type": "object",
        "properties": {column.name: column.value_schema() for column in columns},
        "required": [column.name for column in columns if not column.may_be_missing],
        "additionalProperties": False,
    }


def typical_row(columns: Sequence[Column]) -> dict[str, float | str | None]:
    """Return a row as a caller writes it, of what is typical; zero or a category, where that may not be missing."""
    return {column.name: column.typical if _has_typical(column) else _any_of(column) for column in columns}


def among(name: str, known: Sequence[str]) -> str:
    """Return the end of a sentence: what was meant perhaps, else the few or the first that there are."""
    plain = {each.lower(): each for each in reversed(known)}
    near = get_close_matches(name[:MAX_QUOTED].lower(), plain, 1, NEAR)
    if near:
        return f"did you mean {quoted(plain[near[0]])}?"
    more = f" and {len(known) - MOST_LISTED} more" if len(known) > MOST_LISTED else ""
    return f"there are: {', '.join(map(quoted, known[:MOST_LISTED]))}{more}"


def quoted(text: str) -> str:
    # Lone surrogates are valid JSON but not Unicode text, and an answer must be.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return f'"{text[:MAX_QUOTED]}…"' if len(text) > MAX_QUOTED else f'"{text}"'


def _number(value: Any, *, is_text: bool) -> float:
    if is_text and isinstance(value, str):
        try:
            value = _read_number(value)
        except ValueError:
            raise InvalidInput(f"must be a number, not {quoted(value)}") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"must be a number, not {_kind_of(value)}")
    if not -LARGEST <= value <= LARGEST:  # NaN, too
        raise InvalidInput("must be a finite number from -1e30 to 1e30")
    return float(value)


def _read_number(text: str) -> float:
    """As training reads it: Python itself takes 1_0 for ten, too. Raises ValueError."""
    if "_" in text or not text.isascii() or len(text) > MAX_QUOTED:
        raise ValueError(text[:MAX_QUOTED])
    return float(text)


def _kind_of(value: Any) -> str:
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return {list: "a list", dict: "an object", int: "a number", float: "a number"}.get(type(value), "that")


def _has_typical(column: Column) -> bool:
    return column.typical is not None or column.may_be_missing


def _any_of(column: Column) -> float | str:
    if column.kind == "category":
        return column.categories[0]
    return column.seen[0] if column.seen else 0.0
