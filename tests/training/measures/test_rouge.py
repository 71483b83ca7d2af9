import numpy as np
import pytest

from training.measures.rouge import Rouge, mean_interval


def test_rouge_counts_words_pairs_and_the_longest_common_subsequence() -> None:
    pytest.importorskip("rouge_score")
    one, two, longest = Rouge()("the cat sat down", "the cat down there")
    assert one == pytest.approx(3 / 4)
    assert two == pytest.approx(1 / 3)
    assert longest == pytest.approx(3 / 4)


def test_rouge_reads_words_in_all_their_forms_and_cases() -> None:
    pytest.importorskip("rouge_score")
    assert Rouge()("PRICES RISING", "price rises") == pytest.approx([1, 1, 1])


def test_an_interval_is_as_wide_as_the_standard_error_says() -> None:
    values = np.random.default_rng(1).normal(0.5, 1, 2_000)
    low, high = mean_interval(values)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(2_000), rel=0.05)


def test_equal_values_leave_no_doubt() -> None:
    assert mean_interval(np.full(5, 0.25)) == pytest.approx((0.25, 0.25))
