"""From where series are forecast: what was known, and what followed."""

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
class ForecastOrigin:
    """Series number `series`, `known` fp64 [months], and the months `following`, fp64 [HORIZON]: nan after its end."""

    series: int
    known: Array
    following: Array

    @property
    def naive_error(self) -> float:
        """Mean absolute error of "as a year ago" within what was known."""
        return float(np.abs(self.known[SEASON:] - self.known[:-SEASON]).mean())


def questions(series: Sequence[Array], origins: Sequence[int]) -> list[ForecastOrigin]:
    return [question for number, values in enumerate(series) for question in questions_of(number, values, origins)]


def questions_of(number: int, values: Array, origins: Sequence[int]) -> list[ForecastOrigin]:
    found = []
    for origin in origins:
        following = np.full(HORIZON, np.nan)
        following[:origin] = values[len(values) - origin :][:HORIZON]
        found.append(ForecastOrigin(number, values[:-origin], following))
    return found


def origins_within(months: int) -> tuple[int, ...]:
    """Return origins like TEST_ORIGINS within the last `months` of a series, its test; one if they are few."""
    first = min(months, max(TEST_ORIGINS))
    steps = (max(TEST_ORIGINS) - origin for origin in TEST_ORIGINS)
    return tuple(origin for step in steps if (origin := first - step) >= min(first, HORIZON) > 0)
