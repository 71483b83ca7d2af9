"""Intervals of figures: their values on other samples of the same kind (Efron's bootstrap, percentiles)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
RESAMPLES = 2_000
ENDS = (0.025, 0.975)  # of an interval of 95 %
NORMAL_END = 1.959964  # where the normal distribution has its upper end of these


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over samples, fp64 [samples]: of this model and of each baseline, on the same samples in their order.

    `strata` int [samples]: where they are given, the figure is the mean of their means.
    """

    name: str
    ours: Values
    baselines: Mapping[str, Values]
    strata: npt.NDArray[np.integer] | None = None
    better: Literal["more", "less"] = "more"


def interval(values: Values, strata: npt.NDArray[np.integer] | None = None) -> tuple[float, float]:
    """Return the ends of the 95 % interval of the mean of `values` [samples]; the same each time."""
    random = np.random.default_rng(0)
    parts = [values] if strata is None else [values[strata == one] for one in np.unique(strata)]
    means = np.mean([_resampled(part, random) for part in parts], axis=0)
    low, high = np.quantile(means, ENDS)
    return float(low), float(high)


def _resampled(values: Values, random: np.random.Generator) -> Values:
    """Means of as many values drawn from `values`, [RESAMPLES]."""
    return np.array([values[random.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)])


def as_values(right: npt.NDArray[np.bool_]) -> Values:
    """1 for each answer that is right, 0 for each that is not."""
    return right.astype(np.float64)


def mean(values: Values, strata: npt.NDArray[np.integer] | None = None) -> float:
    parts = [values] if strata is None else [values[strata == one] for one in np.unique(strata)]
    return float(np.mean([part.mean() for part in parts]))


def share_interval(count: int, total: int) -> tuple[float, float]:
    """Return the ends of the 95 % interval of the share `count` / `total` (Wilson 1927): for shares near 1."""
    z = NORMAL_END
    middle = (count + z * z / 2) / (total + z * z)
    reach = z / (total + z * z) * np.sqrt(count * (total - count) / total + z * z / 4)
    return float(middle - reach), float(middle + reach)
