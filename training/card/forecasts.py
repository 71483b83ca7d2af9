"""The figures and pictures on the card of a forecaster."""

from collections.abc import Mapping, Sequence

import numpy as np

from app.tensors import Array
from training.card.intervals import intervals_table
from training.card.plots import Fan
from training.data.month_windows import HIGHEST, LOWEST, MIDDLE
from training.data.origins import SEASON, ForecastOrigin
from training.measures.forecasting import mase, seasonal_naive
from training.measures.intervals import Figure
from training.measures.verdict import SEASONAL_NAIVE


def sureness(middle: Array, others: Mapping[str, Array], asked: Sequence[ForecastOrigin]) -> str:
    """Markdown: MASE with its interval, and the lead over the best baseline that was forecast here. A series counts
    once, since its errors from one origin and the next are alike."""
    naive = np.stack([seasonal_naive(question.known) for question in asked])
    number = np.array([question.series for question in asked])

    def of_each_series(forecasts: Array) -> Array:
        errors = mase(forecasts, asked)
        return np.array([errors[number == one].mean() for one in np.unique(number)])

    beside = {name: of_each_series(forecasts) for name, forecasts in {SEASONAL_NAIVE: naive, **others}.items()}
    return intervals_table([Figure("mase", of_each_series(middle), beside, better="less")])


def pictured(asked: Sequence[ForecastOrigin], found: Array, seed: int) -> list[Fan]:
    chosen = np.random.default_rng(seed).choice(len(asked), min(4, len(asked)), replace=False)
    return [
        Fan(asked[i].known[-3 * SEASON :], asked[i].following, found[i, :, MIDDLE], found[i][:, [LOWEST, HIGHEST]])
        for i in chosen
    ]
