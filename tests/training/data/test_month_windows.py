import numpy as np
import pytest
import torch

from training.data.month_windows import CONFIG, LEAST_FOLLOWING, MOST_WINDOWS, MonthWindows
from training.errors import TrainingError


def test_a_window_is_on_the_scale_of_its_past_and_weighs_nothing_where_nothing_follows() -> None:
    history = np.arange(100.0)
    values, is_known, following, weight = (column.numpy() for column in MonthWindows([history], 0).columns)
    assert is_known.sum(1).min() >= CONFIG.min_history
    assert ((weight > 0).sum(1) >= LEAST_FOLLOWING).all()
    step = values[:, -1] - values[:, -2]
    np.testing.assert_allclose(following[:, 0] - values[:, -1], step, rtol=1e-3)
    assert (following[weight == 0] == 0).all()


def test_a_very_long_series_weighs_no_more_than_a_long_one() -> None:
    random = np.random.default_rng(1)
    lengths = (MOST_WINDOWS + 29, 600)
    windows = MonthWindows([random.normal(size=length) for length in lengths], 0)
    count = len(MonthWindows([random.normal(size=lengths[0])], 0))
    weight = windows.columns[-1].sum(1)
    assert weight.mean() == pytest.approx(1)
    assert (weight[:count].sum() / weight.sum()).item() == pytest.approx(0.5, abs=0.12)


def test_a_series_that_never_changes_teaches_nothing_and_breaks_nothing() -> None:
    windows = MonthWindows([np.full(90, 3.0), np.arange(90.0)], 0)
    assert torch.isfinite(windows.columns[2]).all()


def test_series_that_begin_to_change_too_late_teach_nothing() -> None:
    with pytest.raises(TrainingError, match="there is nothing to learn"):
        MonthWindows([np.array([7.0] * 43 + [1.0, 2.0, 3.0, 4.0, 5.0])], 0)
