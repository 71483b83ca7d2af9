"""The turn in which versions answer."""

from app.serving.held import Held


def in_turn(held, *versions):
    return sorted(versions, key=held.turn)


def test_the_newest_answers_first_unless_another_is_held():
    assert in_turn(Held(), 1, 2, 3) == [3, 2, 1]
    assert in_turn(Held(2), 1, 2, 3) == [2, 1, 3]


def test_for_a_default_that_is_missing_those_before_it_answer_first_and_those_after_it_last():
    assert in_turn(Held(3), 1, 2, 4, 5) == [2, 1, 5, 4]


def test_the_default_and_those_that_are_named_stay():
    held = Held(2, frozenset({4}))
    assert [version for version in range(1, 6) if held.keeps(version)] == [2, 4]
