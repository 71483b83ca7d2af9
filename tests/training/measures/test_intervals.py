import numpy as np
import pytest

from training.card.intervals import intervals_table
from training.measures.intervals import Figure, interval, mean, share_interval


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution_where_there_are_many_samples() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, 2_500)
    low, high = interval(values)
    reach = 1.96 * values.std() / 50
    assert (low, high) == (
        pytest.approx(values.mean() - reach, abs=0.01), pytest.approx(values.mean() + reach, abs=0.01)
    )  # fmt: skip
    assert (low, high) == interval(values)


def test_strata_count_alike_and_are_drawn_apart() -> None:
    values, strata = np.array([1.0] * 90 + [0.0] * 10), np.array([0] * 90 + [1] * 10)
    assert mean(values, strata) == 0.5
    assert interval(values, strata) == (0.5, 0.5)


def test_a_lead_is_judged_on_the_same_samples() -> None:
    random = np.random.default_rng(0)
    hard = random.normal(size=500)
    ours = Figure("score", hard + 0.1, {"weak": hard - 1, "close": hard + random.normal(0, 0.01, 500)})
    row = intervals_table([ours]).splitlines()[2]
    assert "close: " in row
    assert "+0.1" in row
    assert "chance" not in row


def test_a_lead_that_may_be_chance_is_said_to_be() -> None:
    random = np.random.default_rng(0)
    ours = Figure("score", random.normal(size=100), {"other": random.normal(size=100)})
    assert "which may be chance |" in intervals_table([ours]).splitlines()[2]


def test_where_less_is_better_a_lead_is_by_how_much_less() -> None:
    ours = Figure("error", np.full(9, 0.5), {"worst": np.full(9, 3.0), "best": np.full(9, 0.75)}, better="less")
    assert intervals_table([ours]).splitlines()[2] == (
        "| error | 0.5000 [0.5000, 0.5000] | best: 0.7500 | +0.2500 [0.2500, 0.2500] |"
    )


def test_a_share_near_one_has_an_interval_within_one() -> None:
    assert share_interval(115, 117) == (pytest.approx(0.940, abs=5e-4), pytest.approx(0.995, abs=5e-4))
    assert share_interval(10, 10)[1] <= 1
