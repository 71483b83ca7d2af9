"""Who waits for a decoder, and who is next."""

import pytest

from app.generation.prompt import Prompt
from app.generation.sampling import Chooser
from app.serving.scheduler import Turn
from app.serving.step_line import StepLine
from app.serving.writing import Writing


def writing(line: StepLine, caller: str = "a", turn: float = 0.0, cost_s: float = 1.0) -> Writing:
    prompt = Prompt((1,), 5)
    one = Writing(prompt, Turn(1e9, 0, caller), line.share(caller, 0), turn, Chooser(prompt))
    one.cost_s = cost_s
    return one


def waiting(line: StepLine, *args: object) -> Writing:
    one = writing(line, *args)
    line.push(one)
    return one


def test_callers_are_served_in_turn_and_what_is_over_is_not():
    line = StepLine()
    flood, small = [waiting(line, "flood") for _ in range(3)], waiting(line, "small", 9.0)
    line.begins(flood[0])
    assert line.first() is small
    small.is_abandoned = True
    assert line.first() is flood[1]
    assert (len(line), {*line}) == (2, {*flood[1:]})


def test_what_has_left_once_has_left():
    line = StepLine()
    one = waiting(line)
    for _ in range(2):
        line.discard(one)
    assert (len(line), line.first()) == (0, None)


def test_who_took_longer_than_he_should_has_had_more():
    line = StepLine()
    one, other = waiting(line, "a", 0.0), waiting(line, "b", 1.0)
    again = waiting(line, "a", 2.0)
    line.begins(one)
    one.taken_s = 3.0
    line.ends(one)
    line.begins(other)
    assert line.before([writing(line, "b", 3.0, 1.0)]) == (1, 0)
    assert line.first() is again


def test_before_a_request_go_his_own_earlier_turns_and_of_others_as_much_as_he_asks_for():
    line = StepLine()
    for _ in range(50):
        waiting(line, "flood")
    waiting(line, "small", 1.0), waiting(line, "small", 3.0)
    request = [writing(line, "small", 2.0) for _ in range(2)]
    assert line.before(request).seconds == pytest.approx(1.0 + 2.0, abs=0.2)
    assert line.before([writing(line, "flood", 2.0, 0.5)]).seconds == pytest.approx(50.0 + 0.5, abs=0.2)


def test_the_many_of_one_caller_count_as_few_as_another_one_has():
    line = StepLine()
    for _ in range(50):
        waiting(line, "flood")
    waiting(line, "small")
    assert line.before([writing(line, "flood")]).number == 50 + 1
    assert line.before([writing(line, "small")]).number == 2 + 1
    assert line.before([writing(line, "new") for _ in range(3)]).number == 3 + 1


def test_the_seconds_that_wait_are_those_of_what_waits():
    line = StepLine()
    first, second = waiting(line, "a", 0.0, 2.0), waiting(line, "b", 0.0, 3.0)
    assert line.waiting_s == 5
    line.begins(first)
    assert line.waiting_s == 3
    line.discard(second)
    line.discard(second)
    assert line.waiting_s == 0
