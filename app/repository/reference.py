"""The distributions of what a version was asked and said before it was published: questions that it did not learn from.

A part of the manifest. What the service counts has the same bins.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, PositiveInt, model_validator

DIGITS = 4  # of a number that is binned: what differs between processors must not move it from one bin to the next
LARGEST = 1e300  # or it could be rounded to infinity
MOST_BINS, MOST_MEASURES, LONGEST_MEASURE = 100, 100, 100

Counts = tuple[NonNegativeInt, ...]
MeasureName = Annotated[str, Field(min_length=1, max_length=LONGEST_MEASURE)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NumberBins(_Frozen):
    """Numbers up to each edge and above the one before, and last those above all edges."""

    edges: Annotated[tuple[FiniteFloat, ...], Field(min_length=1, max_length=MOST_BINS)]
    counts: Counts

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if any(high <= low for low, high in pairwise(self.edges)):
            raise ValueError("edges must rise")
        _require_one_more(self.counts, self.edges)
        return self

    def bin_of(self, value: float | str) -> int:
        """Raises ValueError for what is no number."""
        return bisect_left(self.edges, rounded(float(value)))


class NameBins(_Frozen):
    """The most frequent names, and last all others."""

    names: Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST_BINS)]
    counts: Counts

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if len(set(self.names)) < len(self.names):
            raise ValueError("a name comes twice")
        _require_one_more(self.counts, self.names)
        return self

    def bin_of(self, value: float | str) -> int:
        return self.names.index(str(value)) if value in self.names else len(self.names)


Bins = NumberBins | NameBins


class Reference(_Frozen):
    """The counts of each measure over `answers` to questions of `split` of a data set."""

    dataset: str
    split: str
    answers: PositiveInt
    measures: Annotated[dict[MeasureName, Bins], Field(max_length=MOST_MEASURES)]


def rounded(number: float) -> float:
    """Raises ValueError for NaN, which lies in no bin."""
    if number != number:
        raise ValueError("NaN lies in no bin")
    return float(f"{min(max(number, -LARGEST), LARGEST):.{DIGITS}g}")


def _require_one_more(counts: Counts, than: Sequence[object]) -> None:
    if len(counts) != len(than) + 1 or not sum(counts):
        raise ValueError(f"there must be {len(than) + 1} counts, not all of them 0")
