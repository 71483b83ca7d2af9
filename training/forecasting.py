"""How good forecasts are: rolling origins, and measures that do not depend on a series' unit.

Hyndman & Koehler, "Another look at measures of forecast accuracy", International Journal of Forecasting 2006.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.tensors import Array

SEASON = 12
HORIZON = 18  # months, as in the M1 and M3 competitions
# Months before the end of a series at which a forecast is made. What is learned for a split ends before its first.
VALIDATION_ORIGINS = (42,)
TEST_ORIGINS = (24, 21, 18)
TEST_SPLIT = "the last 24 months of each series, 18 months forecast from 24, 21 and 18 before the end"


@dataclass(frozen=True, slots=True)
class Question:
    """What was known of series number `series`, fp64 [months], and what followed, fp64 [HORIZON]: nan after its end."""

    series: int
    known: Array
    following: Array

    @property
    def naive_error(self) -> float:
        """Mean absolute error of "as a year ago" within what was known."""
        return float(np.abs(self.known[SEASON:] - self.known[:-SEASON]).mean())


def questions(series: Sequence[Array], origins: Sequence[int]) -> list[Question]:
    return [question for number, values in enumerate(series) for question in questions_of(number, values, origins)]


def questions_of(number: int, values: Array, origins: Sequence[int]) -> list[Question]:
    found = []
    for origin in origins:
        following = np.full(HORIZON, np.nan)
        following[:origin] = values[len(values) - origin :][:HORIZON]
        found.append(Question(number, values[:-origin], following))
    return found


def origins_within(months: int) -> tuple[int, ...]:
    """As TEST_ORIGINS, where only the last `months` of a series are the test; one origin if they are few."""
    first = min(months, max(TEST_ORIGINS))
    steps = (max(TEST_ORIGINS) - origin for origin in TEST_ORIGINS)
    return tuple(origin for step in steps if (origin := first - step) >= min(first, HORIZON) > 0)


def seasonal_naive(known: Array) -> Array:
    """The last year again, fp64 [HORIZON]."""
    return np.resize(known[-SEASON:], HORIZON)


def mase(forecasts: Array, asked: Sequence[Question]) -> Array:
    """Mean absolute scaled error of each forecast [questions, HORIZON]: 1 is the naive error of what was known."""
    return np.asarray(np.nanmean(np.abs(forecasts - _following(asked)), axis=1) / [one.naive_error for one in asked])


def coverage(lower: Array, upper: Array, asked: Sequence[Question]) -> Array:
    """Share of months inside the interval, for each question."""
    following = _following(asked)
    is_inside = np.where(np.isnan(following), np.nan, (lower <= following) & (following <= upper))
    return np.asarray(np.nanmean(is_inside, axis=1))


def summary(
    asked: Sequence[Question],
    collections: Sequence[str],
    middle: Array,
    lower: Array | None = None,
    upper: Array | None = None,
) -> dict[str, float]:
    """MASE, and the coverage of an interval that is given: over all questions, and over those of each collection.

    A question of the collection "" counts among all only.
    """
    measured = {"mase": mase(middle, asked)}
    if lower is not None and upper is not None:
        measured["coverage of 80 %"] = coverage(lower, upper, asked)
    figures = {}
    for name, values in measured.items():
        figures[name] = float(values.mean())
        for collection in dict.fromkeys(filter(None, collections)):
            figures[f"{name}, {collection}"] = float(values[np.asarray(collections) == collection].mean())
    return figures


def _following(asked: Sequence[Question]) -> Array:
    return np.stack([question.following for question in asked])
