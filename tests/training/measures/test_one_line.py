import numpy as np
import pytest

from training.measures.one_line import gain, rouge_of, unsupported_of, with_intervals

REFERENCES = ["library for reading files", "draws a map"]


def test_rouge_is_that_of_words_pairs_and_the_longest_common_subsequence() -> None:
    found = rouge_of(["a library for reading of file", "draws a map"], REFERENCES)
    assert found == pytest.approx(np.array([[0.6, 0.5, 0.6], [1, 1, 1]]), abs=1e-6)
    (one, *_), *_ = with_intervals(found), None
    assert one[0] == "rouge1"
    assert one[2] <= one[1] <= one[3]


def test_a_gain_has_an_interval_that_shows_whether_it_is_one() -> None:
    ours, others = np.full((50, 3), 0.5), np.full((50, 3), 0.25)
    assert gain(ours, others) == pytest.approx((0.25, 0.25, 0.25))
    noisy = ours + np.random.default_rng(0).normal(0, 1, ours.shape)
    _, low, high = gain(noisy, ours)
    assert low < 0 < high


def test_names_and_numbers_that_texts_lack_are_counted_in_english_only() -> None:
    texts = ["This is a map of the town of Maren.", "Eine Karte von Maren zum Zeichnen.", "It is for the drawing."]
    assert unsupported_of(["map of Ost and 12", "12", "for drawing"], texts).tolist() == [2, 0]
