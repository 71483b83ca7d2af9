from collections import Counter
from typing import Any

import pytest

from app.errors import DeadlineExceeded, Overloaded
from app.generation.prompt import Prompt
from app.generation.sampling import Chooser
from app.serving.scheduler import Turn, weight_of
from app.serving.shares import Shares
from app.serving.step_admission import StepAdmission
from app.serving.step_cost import StepCost
from app.serving.step_forecast import StepForecast
from app.serving.writing import Writing

COST = StepCost(base_s=0.1, row_s=0.01, token_s=1e-6, read_s=1e-3, past_s=1e-7)
ROWS, QUEUE = 2, 2


class Admitting:
    """An admission with what it has refused, and for what."""

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self.admission = StepAdmission(
            COST, most_rows=ROWS, max_queue_size=QUEUE, refused=lambda why, _: self.refusals.append(why)
        )

    def writing(self, prompt: int = 10, new: int = 10) -> Writing:
        asked, turn = Prompt(tuple(range(prompt)), new), Turn(1e9, 0, "")
        writing = Writing(asked, turn, Shares().of("", weight_of(0)), 0.0, Chooser(asked))
        writing.cost_s = self.admission.own_seconds(writing)
        return writing

    def seconds(self, one: Writing, *others: Writing) -> float:
        return StepForecast([one, *others], COST, ROWS, self.admission.expected).whole_s(one)

    def ask(self, left_s: float, others: int = 0, **size: Any) -> None:
        self.admission.require_time(self.writing(**size), left_s, [self.writing() for _ in range(others)])


def test_an_idle_model_tries_whatever_it_is_asked():
    asked = Admitting()
    asked.ask(0.001, prompt=1000, new=1000)
    assert asked.refusals == []


def test_what_is_too_long_even_alone_is_too_late():
    asked = Admitting()
    with pytest.raises(DeadlineExceeded, match="alone"):
        asked.ask(1.0, others=1, new=1000)
    assert asked.refusals == ["deadline"]


def test_what_others_make_too_late_is_refused_until_they_are_over():
    asked = Admitting()
    alone_s = asked.seconds(asked.writing())
    asked.ask(20 * alone_s, others=3)
    with pytest.raises(Overloaded) as caught:
        asked.ask(1.2 * alone_s, others=3)
    assert caught.value.retry_after_s >= 1.0
    assert asked.refusals == ["wait"]


def test_more_of_one_caller_makes_none_late_that_he_has_begun():
    asked = Admitting()
    begun, other, writing = asked.writing(new=100), asked.writing(), asked.writing(prompt=300)
    begun.begun = 1.0
    begun.terms = Turn(1.01 * asked.seconds(begun, other), 0, "")
    other.terms = writing.terms = Turn(100.0, 0, "")
    asked.admission.require_time(other, 100.0, [begun])
    with pytest.raises(Overloaded, match="begun would be too late"):
        asked.admission.require_time(writing, 100.0, [begun, other])
    assert asked.refusals == ["wait"]
    writing.terms = Turn(100.0, 0, "who has asked for nothing else")
    asked.admission.require_time(writing, 100.0, [begun, other])
    begun.terms = Turn(0.1, 0, "")  # it will be late in any case
    writing.terms = Turn(100.0, 0, "")
    asked.admission.require_time(writing, 100.0, [begun, other])


def test_what_is_over_takes_no_time():
    asked = Admitting()
    left, writing = [asked.writing(new=1000) for _ in range(3)], asked.writing()
    for one in left:
        one.is_abandoned = True
    asked.admission.require_time(writing, 0.001, left)
    assert asked.refusals == []


def test_no_more_wait_than_may():
    asked = Admitting()
    asked.ask(1e6, others=ROWS + QUEUE - 1)
    with pytest.raises(Overloaded, match="waiting"):
        asked.ask(1e6, others=ROWS + QUEUE)
    assert asked.refusals == ["queue"]


def test_it_learns_that_answers_are_shorter_than_they_may_be():
    asked = Admitting()
    before_s = asked.seconds(asked.writing(new=1000))
    for _ in range(50):
        short = asked.writing(new=1000)
        short.ids += range(100)
        asked.admission.learn(short)
    assert asked.seconds(asked.writing(new=1000)) < before_s / 5


def test_an_answer_beside_others_takes_longer_and_costs_the_decoder_less():
    asked = Admitting()
    one = asked.writing(new=100)
    alone_s = asked.seconds(one)
    assert asked.seconds(one, asked.writing(new=100)) > alone_s
    assert asked.admission.own_seconds(one) < alone_s


def test_a_long_line_is_summed_up_and_not_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch):
    asked, looked = Admitting(), Counter[int]()
    admission = StepAdmission(COST, most_rows=ROWS, max_queue_size=10**6, refused=lambda why, _: None)
    line, writing = [asked.writing() for _ in range(1000)], asked.writing()
    expected = StepAdmission.expected
    monkeypatch.setattr(StepAdmission, "expected", lambda self, one: looked.update([id(one)]) or expected(self, one))
    together_s = sum(one.cost_s for one in line[ROWS:])
    with pytest.raises(Overloaded, match="too late"):
        admission.require_time(writing, together_s, line)
    admission.require_time(writing, 2 * together_s, line)
    assert len(looked) == ROWS + 1
