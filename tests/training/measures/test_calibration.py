import numpy as np
import pytest
from scipy.special import softmax

from training.measures.calibration import (
    LEAST_SAMPLES,
    calibration_bins,
    cannot_be_calibrated,
    expected_calibration_error,
    fit_temperature,
)


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


SURE = np.eye(2)[np.arange(200) % 2] * 2.0  # of two labels in turn


@pytest.mark.parametrize(
    ("logits", "truth", "why"),
    [
        pytest.param(SURE, SURE.argmax(1), "of 200 samples to learn one from 200 are right", id="separable"),
        pytest.param(SURE, np.r_[1, SURE.argmax(1)[1:]], "of 200 samples to learn one from 199", id="one error"),
        pytest.param(SURE, np.zeros(200, int), "all samples to learn one from have the same label", id="one class"),
        pytest.param(SURE[:10], 1 - SURE[:10].argmax(1), "there are 10 samples", id="tiny"),
        pytest.param(SURE[:0], np.zeros(0, int), "there are 0 samples", id="nothing"),
    ],
)
def test_where_nothing_can_be_learned_of_it_the_temperature_stays_and_the_card_says_why(logits, truth, why) -> None:
    assert fit_temperature(logits, truth) == 1
    assert why in cannot_be_calibrated(logits, truth)


@pytest.mark.parametrize("count", [LEAST_SAMPLES, 30, 60])
@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_few_samples_move_the_temperature_little(count: int, scale: float) -> None:
    truth = SURE.argmax(1)[:count].copy()
    truth[:2] = 1 - truth[:2]
    found = fit_temperature(SURE[:count] * scale, truth)
    likeliest = 2 * scale / np.log((count - 2) / 2)
    assert min(likeliest, 1) <= found <= max(likeliest, 1)
    assert abs(np.log(found)) < 0.9 * abs(np.log(likeliest)) or abs(np.log(likeliest)) < 0.1
    assert cannot_be_calibrated(SURE[:count], truth) == ""
