"""ETS and ARIMA, as statsforecast fits them anew for each series and each origin; they know nothing of other series.

Hyndman & Khandakar, "Automatic Time Series Forecasting: The forecast Package for R", Journal of Statistical Software
2008, has how ETS chooses its form. ARIMA has one form, the airline model of Box & Jenkins: to search for one takes
more than a second a forecast, and there are thousands.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from app.tensors import Array
from training.baselines.table import Table, libraries
from training.data.monthly_series import SOURCE, load_monthly_series
from training.data.origins import HORIZON, SEASON, TEST_ORIGINS, TEST_SPLIT, ForecastOrigin, questions
from training.measures.forecasting import summary

INTERVAL = 80  # per cent

Method = Callable[[], Any]


def measure(workdir: Path) -> Table:
    """Forecasts are kept in `workdir` as they are made, so that an interrupted measurement goes on."""
    from statsforecast.models import ARIMA, AutoETS

    methods: dict[str, Method] = {
        "ETS": lambda: AutoETS(season_length=SEASON),
        "ARIMA": lambda: ARIMA(order=(0, 1, 1), season_length=SEASON, seasonal_order=(0, 1, 1)),
    }
    series = load_monthly_series()
    asked = questions([one.values for one in series], TEST_ORIGINS)
    collections = [series[question.series].collection for question in asked]
    figures = {}
    for name, method in methods.items():
        lower, middle, upper = forecasts(name, method, asked, workdir)
        figures[name] = summary(asked, collections, middle, lower, upper)
    return Table(
        data_sha256=SOURCE.sha256,
        split=TEST_SPLIT,
        figures=figures,
        settings={
            "ETS": "AutoETS, season of 12 months, form chosen by AICc",
            "ARIMA": "(0, 1, 1)(0, 1, 1) with a season of 12 months, the airline model; maximum likelihood",
        },
        libraries=libraries("statsforecast", "numpy"),
    )


def forecasts(name: str, method: Method, asked: Sequence[ForecastOrigin], workdir: Path) -> Array:
    """Lower end, middle and upper end of the interval, [3, questions, HORIZON]."""
    path = workdir / f"{name}.npy"
    made = np.load(path) if path.exists() else np.zeros((0, 3, HORIZON))
    with tqdm(total=len(asked), initial=len(made), desc=name, mininterval=5) as bar:
        while len(made) < len(asked):
            some = [forecast(method, question.known) for question in asked[len(made) : len(made) + 100]]
            made = np.concatenate([made, np.stack(some)])
            np.save(path, made)
            bar.update(len(some))
    return np.asarray(made.transpose(1, 0, 2))


def forecast(method: Method, known: Array) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that do not converge; the criterion leaves them out
        found = method().forecast(y=known, h=HORIZON, level=[INTERVAL])
    return np.stack([found[f"lo-{INTERVAL}"], found["mean"], found[f"hi-{INTERVAL}"]])
