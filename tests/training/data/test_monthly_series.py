import json
from pathlib import Path

import numpy as np
import pytest

from training.data.monthly_series import FILES, Series, load_monthly_series


def entry(values: list[float], period: str = "MONTHLY") -> dict[str, object]:
    return {"x": values[:-18], "xx": values[-18:], "period": [period]}


def noise(seed: int, length: int = 80) -> list[float]:
    return np.random.default_rng(seed).normal(100, 9, length).round(2).tolist()


@pytest.fixture
def series(tmp_path: Path) -> list[Series]:
    copied = noise(9)[:40] + noise(1)[20:60]
    contents = {
        "M1": {"A": entry(noise(1)), "quarters": entry(noise(2), "QUARTERLY"), "short": entry(noise(3, 71))},
        "M3": {"copy": entry(copied), "rounded copy": entry([round(value, 1) for value in noise(1)])},
        "tourism": {"B": entry(noise(4, 72)), "still": entry([5.0] * 80), "still, too": entry([5.0] * 90)},
    }
    for collection, file in FILES.items():
        (tmp_path / file).write_text(json.dumps(contents[collection]), encoding="utf-8")
    return load_monthly_series(tmp_path)


def test_only_months_of_six_years_or_more_are_kept(series: list[Series]) -> None:
    assert {(one.collection, one.name) for one in series} >= {("M1", "A"), ("tourism", "B")}
    assert not {one.name for one in series} & {"quarters", "short"}


def test_what_the_competition_held_out_follows_what_it_gave(series: list[Series]) -> None:
    np.testing.assert_allclose(series[0].values, noise(1))


def test_a_series_that_repeats_a_year_of_another_is_left_out(series: list[Series]) -> None:
    assert not {one.name for one in series} & {"copy", "rounded copy"}


def test_a_year_in_which_nothing_happens_makes_no_copy(series: list[Series]) -> None:
    assert {one.name for one in series} >= {"still", "still, too"}
