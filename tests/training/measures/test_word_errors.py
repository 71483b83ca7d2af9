"""The share of words of a transcript that are wrong, whatever their case, marks and figures."""

import pytest

from training.errors import TrainingError
from training.measures.transcripts import error_rate, words_of


def test_words_are_compared_without_marks_and_case_and_numbers_as_figures() -> None:
    assert words_of("Press twenty-one, um, and it's done!") == "press 21 and it is done"
    assert words_of("To hear it ...").split() == ["to", "hear", "it"]
    assert error_rate(["Press 21. It is done"], ["press twenty one, it's DONE"]) == 0


def test_the_rate_counts_words_of_all_texts_together() -> None:
    said = ["he might be there", "so it is, at least here"]
    assert error_rate(["he may be there", "so it is, here"], said) == pytest.approx(3 / 10)
    assert error_rate(["", ""], said) == 1


def test_texts_without_words_are_refused() -> None:
    with pytest.raises(TrainingError, match="there are no words to compare transcripts with"):
        error_rate(["something"], ["..."])
