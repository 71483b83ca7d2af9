import numpy as np
import pytest

from training.data.origins import HORIZON, ForecastOrigin, questions
from training.measures.forecasting import coverage, mase, seasonal_naive, summary


def test_a_question_knows_nothing_of_what_follows_its_origin() -> None:
    series = [np.arange(80.0), np.arange(1000.0, 1100.0)]
    asked = questions(series, (24, 18))
    assert [(one.series, one.known[-1], one.following[0], one.following[-1]) for one in asked] == [
        (0, 55, 56, 73),
        (0, 61, 62, 79),
        (1, 1075, 1076, 1093),
        (1, 1081, 1082, 1099),
    ]
    assert {len(one.following) for one in asked} == {HORIZON}


def test_seasonal_naive_says_the_last_year_again() -> None:
    assert seasonal_naive(np.arange(30.0)).tolist() == [*range(18, 30), *range(18, 24)]


@pytest.fixture
def question() -> ForecastOrigin:
    known = np.repeat([0.0, 2.0, 4.0], 12)  # "as a year ago" errs by 2
    return ForecastOrigin(0, known, np.full(HORIZON, 10.0))


def test_an_error_counts_in_units_of_that_of_as_a_year_ago(question: ForecastOrigin) -> None:
    assert question.naive_error == 2
    assert mase(np.full((1, HORIZON), 7.0), [question]).tolist() == [1.5]


def test_coverage_is_the_share_of_months_inside_the_interval(question: ForecastOrigin) -> None:
    lower, upper = np.full((1, HORIZON), 9.0), np.full((1, HORIZON), 11.0)
    upper[0, :9] = 9.5
    assert coverage(lower, upper, [question]).tolist() == [0.5]


def test_figures_are_means_over_all_and_over_each_collection(question: ForecastOrigin) -> None:
    middle = np.stack([np.full(HORIZON, 7.0), np.full(HORIZON, 10.0)])
    figures = summary([question, question], ["a", "b"], middle)
    assert figures == {"mase": 0.75, "mase, a": 1.5, "mase, b": 0.0}
    with_interval = summary([question], ["a"], middle[:1], middle[:1], middle[:1] + 3)
    assert with_interval["coverage of 80 %"] == with_interval["coverage of 80 %, a"] == 1
