import numpy as np
import pytest
from scipy.special import softmax

from training.calibration import calibration_bins, expected_calibration_error, fit_temperature


def test_the_error_equals_one_computed_by_hand() -> None:
    # Two answers of .9, one right; two of .6, both right: (|.9 - .5| + |.6 - 1|) / 2
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.6, 0.4], [0.4, 0.6]])
    assert expected_calibration_error(probabilities, np.array([0, 0, 0, 1])) == pytest.approx(0.4)


def test_answers_that_are_certain_and_right_have_no_error() -> None:
    assert expected_calibration_error(np.eye(3), np.arange(3)) == 0


def test_gaps_of_opposite_sign_in_one_bin_cancel_and_empty_bins_count_for_nothing() -> None:
    probabilities = np.array([[0.5, 0.5], [0.5, 0.5]])
    sure, right, count = calibration_bins(probabilities, np.array([0, 1]))
    assert (sure.tolist(), right.tolist(), count.tolist()) == ([0.5], [0.5], [2])


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_spoilt_the_logits_is_found(true_temperature: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(20_000, 4)) * 2
    truth = np.array([random.choice(4, p=row) for row in softmax(logits, axis=1)])
    spoilt = logits * true_temperature
    found = fit_temperature(spoilt, truth)
    assert found == pytest.approx(true_temperature, rel=0.05)
    assert expected_calibration_error(softmax(spoilt / found, axis=1), truth) < 0.015
