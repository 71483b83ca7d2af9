from pathlib import Path

import numpy as np
import pytest
import torch

from app.tasks.time_series_forecasting import AIRLINE_PASSENGERS
from training.data.monthly_series import Series
from training.forecasting import HORIZON, questions
from training.recipe import Run, build
from training.recipes import time_series_forecaster as recipe


def waves(count: int = 12, months: int = 120) -> list[Series]:
    """Twelve months that come again, each series with a level, unit, trend and noise of its own."""
    random = np.random.default_rng(0)
    series = []
    for number in range(count):
        pattern = np.resize(random.normal(size=12), months)
        values = 10 ** random.uniform(-3, 6) * (pattern + 0.02 * np.arange(months) + random.normal(0, 0.1, months) + 9)
        series.append(Series(f"wave {number}", ("M1", "M3", "tourism")[number % 3], values))
    return series


def test_a_window_is_on_the_scale_of_its_past_and_weighs_nothing_where_nothing_follows() -> None:
    history = np.arange(100.0)
    values, is_known, following, weight = (column.numpy() for column in recipe.Windows([history], 0).columns)
    assert is_known.sum(1).min() >= recipe.CONFIG.min_history
    assert ((weight > 0).sum(1) >= recipe.LEAST_FOLLOWING).all()
    step = values[:, -1] - values[:, -2]
    np.testing.assert_allclose(following[:, 0] - values[:, -1], step, rtol=1e-3)
    assert (following[weight == 0] == 0).all()


def test_a_very_long_series_weighs_no_more_than_a_long_one() -> None:
    random = np.random.default_rng(1)
    lengths = (recipe.MOST_WINDOWS + 29, 600)
    windows = recipe.Windows([random.normal(size=length) for length in lengths], 0)
    count = len(recipe.Windows([random.normal(size=lengths[0])], 0))
    weight = windows.columns[-1].sum(1)
    assert weight.mean() == pytest.approx(1)
    assert (weight[:count].sum() / weight.sum()).item() == pytest.approx(0.5, abs=0.12)


def test_a_series_that_never_changes_teaches_nothing_and_breaks_nothing() -> None:
    windows = recipe.Windows([np.full(90, 3.0), np.arange(90.0)], 0)
    assert torch.isfinite(windows.columns[2]).all()


def test_the_network_learns_a_pattern_that_comes_again(tmp_path: Path) -> None:
    series = [one.values for one in waves(30)]
    windows = recipe.Windows([values[:-24] for values in series], 0)
    network, curve = recipe.learn(windows, Run(tmp_path, tiny=True))
    assert len(curve.rows) == 1
    asked = questions(series, (24,))
    found = recipe.answer(network, asked)
    assert found.shape == (30, HORIZON, len(recipe.QUANTILES))
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=-1) >= -1e-9 * np.abs(found[..., 1:])).all()


def test_a_tiny_run_publishes_a_version_that_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "load_monthly_series", waves)
    workdir = tmp_path / "work"
    workdir.mkdir()
    manifest = build(recipe.RECIPE, Run(workdir, seed=0, tiny=True), tmp_path / "models")

    airline, el_nino, still = manifest.golden
    assert airline.input == {"values": AIRLINE_PASSENGERS}
    assert list(airline.output["quantiles"]) == ["0.1", "0.9"]
    assert len(airline.output["median"]) == 12
    assert len(el_nino.output["median"]) == HORIZON
    assert still.output == {"median": [7.0, 7.0], "quantiles": {"0.5": [7.0, 7.0]}}

    metrics = {metric.name: metric for metric in manifest.metrics}
    assert metrics.keys() >= {"mase", "mase, M1", "mase, M3", "mase, tourism", "coverage of 80 %"}
    assert set(metrics["mase"].baselines) == {"seasonal naive", "SimpleRNN"}
    assert manifest.verification
    assert manifest.verification.batch_n < 1e-4
