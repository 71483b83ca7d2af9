"""How good forecasts are: rolling origins, and measures that do not depend on a series' unit.

Hyndman & Koehler, "Another look at measures of forecast accuracy", International Journal of Forecasting 2006.
"""

from collections.abc import Sequence

import numpy as np

from app.tensors import Array
from training.data.origins import HORIZON, SEASON, Question


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
