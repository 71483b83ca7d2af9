from collections import Counter
from typing import Any

import pytest

from app.errors import DeadlineExceeded, Overloaded
from app.generation.prompt import Beams, Prompt
from app.generation.sampling import chooser_of
from app.serving.scheduler import Turn, weight_of
from app.serving.shares import Shares
from app.serving.step_admission import StepAdmission
from app.serving.step_cost import StepCost
from app.serving.step_forecast import StepForecast
from app.serving.step_line import Before
from app.serving.writing import Writing

COST = StepCost(base_s=0.1, row_s=0.01, token_s=1e-6, read_s=1e-3, past_s=1e-7)
ROWS, QUEUE = 2, 2


NOTHING = Before(0, 0.0)


def before(others: list[Writing]) -> Before:
    return Before(len(others), sum(one.cost_s for one in others if not one.begun))


class Admitting:
    """An admission with what it has refused, and for what."""

    def __init__(self) -> None:
        self.refusals: list[str] = []
        self.admission = StepAdmission(COST, most_rows=ROWS, max_queue_size=QUEUE, refused=self.refuse)

    def refuse(self, why: str, number: int) -> None:
        self.refusals += [why] * number

    def writing(self, prompt: int = 10, new: int = 10, beams: int = 1) -> Writing:
        asked, turn = Prompt(tuple(range(prompt)), new, beams=Beams(beams)), Turn(1e9, 0, "")
        writing = Writing(asked, turn, Shares().of("", weight_of(0)), 0.0, chooser_of(asked))
        writing.cost_s = self.admission.own_seconds(writing)
        return writing

    def seconds(self, one: Writing, *others: Writing) -> float:
        return StepForecast([one, *others], COST, ROWS, self.admission.expected).whole_s(one)

    def ask(self, left_s: float, others: int = 0, **size: Any) -> None:
        self.require(self.writing(**size), left_s, [self.writing() for _ in range(others)])

    def require(self, one: Writing, left_s: float, others: list[Writing]) -> None:
        """All that wait go before it."""
        self.admission.require_time([one], left_s, others, before(others))


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
    asked.require(other, 100.0, [begun])
    with pytest.raises(Overloaded, match="begun would be too late"):
        asked.require(writing, 100.0, [begun, other])
    assert asked.refusals == ["wait"]
    writing.terms = Turn(100.0, 0, "who has asked for nothing else")
    asked.require(writing, 100.0, [begun, other])
    begun.terms = Turn(0.1, 0, "")  # it will be late in any case
    writing.terms = Turn(100.0, 0, "")
    asked.require(writing, 100.0, [begun, other])


def test_what_is_over_takes_no_time():
    asked = Admitting()
    left, writing = [asked.writing(new=1000) for _ in range(3)], asked.writing()
    for one in left:
        one.is_abandoned = True
    asked.require(writing, 0.001, left)
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
        admission.require_time([writing], together_s, line, before(line))
    admission.require_time([writing], 2 * together_s, line, before(line))
    assert len(looked) == ROWS + 1


def test_all_of_a_request_is_judged_at_once_though_nobody_else_asks():
    asked = Admitting()
    admission = StepAdmission(COST, most_rows=ROWS, max_queue_size=10**6, refused=asked.refuse)
    request = [asked.writing() for _ in range(1000)]
    all_s = sum(one.cost_s for one in request)
    with pytest.raises(DeadlineExceeded, match="alone"):
        admission.require_time(request, 0.9 * all_s, [], NOTHING)
    assert asked.refusals == ["deadline"] * 1000
    admission.require_time(request, 1.1 * all_s, [], NOTHING)


def test_an_idle_model_is_not_believed_to_be_slower_than_it_was_measured():
    slow = StepCost(**COST.measured, slower=4.0)
    admission = StepAdmission(slow, most_rows=ROWS, max_queue_size=10**6, refused=lambda why, _: None)
    request = [Admitting().writing() for _ in range(1000)]
    all_s = sum(one.cost_s for one in request)
    admission.require_time(request, 1.1 * all_s, [], NOTHING)
    with pytest.raises(DeadlineExceeded):
        admission.require_time(request, 1.1 * all_s, [Admitting().writing()], NOTHING)


def test_a_request_waits_for_what_goes_before_it_and_for_no_more():
    asked = Admitting()
    admission = StepAdmission(COST, most_rows=ROWS, max_queue_size=10**6, refused=asked.refuse)
    request, others = [asked.writing() for _ in range(10)], [asked.writing() for _ in range(1000)]
    for one in request:
        one.terms = Turn(1e9, 0, "who has asked for nothing else")
    own_s, others_s = sum(one.cost_s for one in request), sum(one.cost_s for one in others)
    admission.require_time(request, 4 * own_s, others, Before(10, own_s))  # of the others as much as of his
    with pytest.raises(Overloaded, match="too late"):
        admission.require_time(request, 4 * own_s, others, Before(10, others_s))


def test_no_more_of_a_request_wait_than_may():
    asked = Admitting()
    request = [asked.writing() for _ in range(ROWS + QUEUE + 1)]
    with pytest.raises(Overloaded, match="0 prompts are waiting, and 2 may"):
        asked.admission.require_time(request, 1e6, [], NOTHING)
    asked.admission.require_time(request[1:], 1e6, [], NOTHING)


def test_beams_cost_as_much_as_so_many_answers_after_one_prompt():
    asked = Admitting()
    one, two = (asked.writing(prompt=1, new=100, beams=beams) for beams in (1, 2))
    assert two.cost_s == pytest.approx(2 * one.cost_s, rel=0.05)
    # A search of as many beams as there are rows leaves no place.
    assert asked.seconds(one, two) > 1.4 * asked.seconds(one, one)


def test_many_answers_that_would_be_too_late_even_alone_are_refused_by_one_of_each_kind():
    asked = Admitting()
    one = asked.writing(prompt=10, new=10)
    whole_s = 1000 * one.cost_s
    likes = [(one.prompt, 600), (Prompt(one.prompt.ids, 10), 400)]
    asked.admission.require_possible(likes, 1.01 * whole_s, [])
    with pytest.raises(DeadlineExceeded, match="too long for a deadline"):
        asked.admission.require_possible(likes, 0.9 * whole_s, [])
    assert Counter(asked.refusals) == {"deadline": 1000}
    asked.admission.require_possible([(one.prompt, ROWS)], 0.001, [])  # as an idle model tries


def test_the_expected_wait_is_until_a_place_is_free_and_all_that_waits_has_had_its_own():
    admission, asked = Admitting().admission, Admitting()
    begun = [asked.writing(new=100), asked.writing(new=10)]
    shorter_s = begun[1].cost_s
    assert admission.wait_s([], 0.0) == admission.wait_s(begun[:1], 0.0) == 0
    assert admission.wait_s(begun, 0.0) == pytest.approx(ROWS * shorter_s)
    assert admission.wait_s(begun, 7.0) == pytest.approx(ROWS * shorter_s + 7)
    assert admission.wait_s(begun[:1], 7.0) == pytest.approx(begun[0].cost_s + 7)  # a place is free, and no memory
    begun[1].taken_s = shorter_s + 1  # longer than foreseen
    assert admission.wait_s(begun, 0.0) == 0
