"""Thresholds of cascades, on numbers whose right answer is known."""

import numpy as np
import pytest

from training.measures.cascade import AskedBoth, choose, cost, curve_of, seconds_a_row


def asked(confidence: list[float], small: list[int], large: list[int], strata: list[int] | None = None) -> AskedBoth:
    numbers = (np.array(confidence, float), np.array(small, float), np.array(large, float))
    return AskedBoth(*numbers, np.array(strata or [0] * len(confidence)))


def test_the_least_threshold_is_chosen_that_loses_no_more_than_is_allowed() -> None:
    given = asked([0.9, 0.8, 0.7, 0.6, 0.5], [1, 1, 0, 1, 0], [1, 1, 1, 1, 1])
    assert choose(given, 0.0) == pytest.approx(0.75)  # between what is kept and what would lose
    assert choose(given, 0.2) == pytest.approx(0.55)
    assert choose(given, 0.4) == pytest.approx(0.5)


def test_samples_that_are_as_sure_go_together() -> None:
    given = asked([0.9, 0.8, 0.8, 0.8], [1, 1, 0, 1], [1, 1, 1, 1])
    for order in ([0, 1, 2, 3], [0, 2, 1, 3], [3, 2, 1, 0]):
        shuffled = asked(*(getattr(given, name)[order].tolist() for name in ("confidence", "small", "large")))
        assert choose(shuffled, 0.0) == pytest.approx(0.85)
    assert choose(asked([0.8, 0.8], [1, 0], [1, 1]), 0.1) is None


def test_a_small_model_that_is_always_right_answers_everything() -> None:
    given = asked([0.9, 0.41239, 0.6], [1, 1, 1], [1, 1, 1])
    enough = choose(given, 0.0)
    assert enough == pytest.approx(0.4123)
    assert given.answered(enough).all()


def test_a_small_model_that_is_never_right_answers_nothing() -> None:
    assert choose(asked([0.9, 0.8], [0, 0], [1, 1]), 0.002) is None


def test_where_both_are_always_wrong_nothing_is_lost() -> None:
    assert choose(asked([0.9, 0.8], [0, 0], [0, 0]), 0.0) == pytest.approx(0.8)


def test_a_small_model_that_is_better_than_the_large_one_answers_everything() -> None:
    given = asked([0.9, 0.8, 0.7], [1, 1, 1], [1, 0, 0])
    enough = choose(given, 0.002)
    assert enough == pytest.approx(0.7)
    assert given.cascade(enough).mean() == 1


def test_no_luck_is_looked_for_beyond_a_threshold_that_loses_too_much() -> None:
    """Below .8 one answer is lost, and below .6 two are won again."""
    assert choose(asked([0.9, 0.8, 0.7, 0.6, 0.5], [1, 0, 1, 1, 1], [1, 1, 1, 0, 0]), 0.0) == pytest.approx(0.85)


def test_each_stratum_counts_as_much_as_another() -> None:
    """Of one stratum there are eight samples, of the other two: a sample of the latter is a quarter of all."""
    confidence = [0.9, *[0.5] * 7, 0.8, 0.5]
    small, large = [1, *[0] * 7, 0, 0], [1] * 10
    given = asked(confidence, small, large, [0] * 8 + [1] * 2)
    assert given.weights.sum() == pytest.approx(1)
    assert choose(given, 0.2) == pytest.approx(0.85)
    assert choose(given, 0.25) == pytest.approx(0.65)


def test_confidences_that_hardly_differ_are_told_apart() -> None:
    given = asked([0.9, 0.80000002, 0.80000001], [1, 1, 0], [1, 1, 1])
    enough = choose(given, 0.0)
    assert enough is not None
    assert given.answered(enough).tolist() == [True, True, False]


def test_the_curve_goes_from_the_large_model_to_the_small_one() -> None:
    found = curve_of(asked([0.9, 0.7, 0.8], [1, 0, 0], [1, 1, 0]))
    assert found.enough.tolist() == [np.inf, 0.9, 0.8, 0.7]
    assert found.goes_on == pytest.approx([1, 2 / 3, 1 / 3, 0])
    assert found.accuracy == pytest.approx([2 / 3, 2 / 3, 2 / 3, 1 / 3])


def test_each_way_is_timed_over_all_samples_in_turns() -> None:
    calls: list[tuple[str, int]] = []
    ways = {name: lambda chunk, name=name: calls.append((name, len(chunk))) for name in ("small", "large")}
    found = seconds_a_row(ways, [[0, 1], [2]], 2)
    assert calls == [("small", 2), ("large", 2), ("small", 1), ("large", 1)] * 2
    assert found.keys() == ways.keys()
    assert all(seconds >= 0 for seconds in found.values())
    assert cost(1.0, 10.0, 0.25) == 3.5
