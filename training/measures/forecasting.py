"""The quality of forecasts: rolling origins, and measures that do not depend on a series' unit.

Hyndman & Koehler, "Another look at measures of forecast accuracy", International Journal of Forecasting 2006.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from app.repository.manifest import Metric
from app.tensors import Array
from training.data.collected_series import Collected
from training.data.month_windows import HIGHEST, LOWEST, MIDDLE
from training.data.origins import HORIZON, SEASON, ForecastOrigin
from training.measures.verdict import SEASONAL_NAIVE


def seasonal_naive(known: Array) -> Array:
    """The last year again, fp64 [HORIZON]."""
    return np.resize(known[-SEASON:], HORIZON)


def mase(forecasts: Array, asked: Sequence[ForecastOrigin]) -> Array:
    """Mean absolute scaled error of each forecast [questions, HORIZON]: 1 is the naive error of what was known."""
    return np.asarray(np.nanmean(np.abs(forecasts - _following(asked)), axis=1) / [one.naive_error for one in asked])


def coverage(lower: Array, upper: Array, asked: Sequence[ForecastOrigin]) -> Array:
    """Share of months inside the interval, for each question."""
    following = _following(asked)
    is_inside = np.where(np.isnan(following), np.nan, (lower <= following) & (following <= upper))
    return np.asarray(np.nanmean(is_inside, axis=1))


def summary(
    asked: Sequence[ForecastOrigin],
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


def _following(asked: Sequence[ForecastOrigin]) -> Array:
    return np.stack([question.following for question in asked])


RIVAL = "ETS"  # the best of the baselines


def quality(
    found: Array,
    textbook: Array,
    asked: Sequence[ForecastOrigin],
    collected: Collected,
    kept: Mapping[str, Mapping[str, float]],
) -> list[Metric]:
    """MASE, and how often the 80 % interval holds what followed: over all series, and over each collection.

    `kept`: figures of baselines that were measured before; with RIVAL among them also the share by which MASE is
    smaller than its: the more the better.
    """
    collections = [collected.series[question.series].collection for question in asked]
    naive = np.stack([seasonal_naive(question.known) for question in asked])
    ours = summary(asked, collections, found[..., MIDDLE], found[..., LOWEST], found[..., HIGHEST])
    others: dict[str, Mapping[str, float]] = {
        SEASONAL_NAIVE: summary(asked, collections, naive),
        "SimpleRNN": summary(asked, collections, textbook[..., 0]),
        **kept,
    }
    if RIVAL in kept:
        rival = kept[RIVAL]["mase"]
        ours, *beside = ({**each, "mase_saved": 1 - each["mase"] / rival} for each in (ours, *others.values()))
        others = dict(zip(others, beside, strict=True))
    return [
        Metric(
            name=name,
            value=value,
            dataset=collected.dataset,
            split=collected.split,
            baselines={other: figures[name] for other, figures in others.items() if name in figures},
        )
        for name, value in ours.items()
    ]
