"""The difference between two answers, for each kind of output."""

import math

import numpy as np
import pytest

from app.serving.disagreement import Difference, difference_of, most
from app.serving.raw import RawAnswer
from app.tasks.labels import Label
from app.tasks.text_generation import TextGeneration
from app.tasks.time_series_forecasting import Forecast


def labels(**scores):
    return [Label(name, score) for name, score in scores.items()]


def of(ours, theirs):
    return difference_of(ours, theirs, None)


def test_classes_disagree_if_the_best_is_another_and_differ_by_their_scores():
    assert of(labels(yes=0.9, no=0.1), labels(yes=0.6, no=0.4)) == (False, pytest.approx(0.3))
    assert of(labels(yes=0.6, no=0.4), labels(no=0.7, yes=0.3)) == (True, pytest.approx(0.3))


def test_of_names_that_only_one_answer_has_the_others_count():
    assert of(labels(a=0.5, b=0.3), labels(a=0.4, c=0.3)) == (False, pytest.approx(0.1))
    assert of(labels(a=0.5), labels(b=0.5)) == (True, 1.0)


def test_recommendations_are_compared_by_their_items():
    ours = [{"item": 7, "title": "a", "score": 0.5}, {"item": 8, "title": "b", "score": 0.25}]
    assert of(ours, ours[::-1]) == (True, 0.0)


def test_numbers_differ_by_a_share_of_the_largest():
    ours = Forecast(median=[100.0, 200.0], quantiles={"0.1": [90.0, 150.0]})
    theirs = Forecast(median=[100.0, 210.0], quantiles={"0.1": [90.0, 150.0]})
    assert of(ours, theirs) == (True, pytest.approx(10 / 210))
    assert of([1.0, 0.001], [1.0, 0.002]) == (False, pytest.approx(0.001))
    assert of([1.0], [1.0, 2.0]) == (True, 1.0)
    assert of([0.0], [0.0]) == (False, 0.0)


def test_what_is_no_number_in_both_is_the_same_and_in_one_is_not():
    assert of([1.0, math.nan], [1.0, math.nan]) == (False, 0.0)
    assert of([1.0, 2.0], [1.0, math.nan]) == (True, 1.0)
    assert of([math.inf], [1.0]) == (True, 1.0)


def test_texts_are_equal_or_not():
    assert difference_of({"generated_text": "a"}, {"generated_text": "a"}, TextGeneration.contract) == (False, None)
    assert difference_of({"generated_text": "a"}, {"generated_text": "b"}, TextGeneration.contract) == (True, None)


def test_tensors_are_compared_by_their_names_numbers_and_texts():
    def answer(**tensors):
        return RawAnswer({name: np.array(one) for name, one in tensors.items()}, {})

    assert of(answer(y=[1.0, 2.0]), answer(y=[1.0, 1.0])) == (True, 0.5)
    assert of(answer(y=[1, 2]), answer(y=[1, 2])) == (False, 0.0)
    assert of(answer(y=[1.0]), answer(z=[1.0])) == (True, None)
    assert of(answer(y=["a"]), answer(y=["b"])) == (True, None)
    assert of(answer(y=[[1.0]]), answer(y=[1.0])) == (True, 1.0)


def test_a_request_disagrees_if_one_of_its_outputs_does():
    assert most([Difference(False, 0.1), Difference(True, None)]) == (True, 0.1)
    assert most([Difference(False, None)]) == (False, None)
