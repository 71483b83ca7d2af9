import pytest

from app.generation.prompt import Prompt, Token
from app.generation.sampling import Chooser
from app.serving.pass_plan import MOST_BETWEEN_S
from app.serving.scheduler import Turn, weight_of
from app.serving.shares import Shares
from app.serving.step_cost import StepCost
from app.serving.step_forecast import StepForecast
from app.serving.writing import Writing

COST = StepCost(base_s=0.01, row_s=0.001, token_s=1e-6, read_s=1e-3, past_s=1e-7)
ROWS = 4


def writing(prompt: int = 100, new: int = 20, submitted: float = 1.0) -> Writing:
    asked = Prompt(tuple(range(prompt)), new)
    return Writing(asked, Turn(1e9, 0, ""), Shares().of("", weight_of(0)), 0.0, Chooser(asked), submitted)


def stepping(prompt: int = 100, new: int = 20) -> Writing:
    one = writing(prompt, new)
    one.begun, one.known = 1.0, prompt
    one.add(Token(7))
    return one


def left(one: Writing) -> int:
    return one.prompt.max_new_tokens - one.num_new


def whole_s(one: Writing, *others: Writing, cost: StepCost = COST) -> float:
    return StepForecast([*others, one], cost, ROWS, left).whole_s(one)


def test_alone_it_is_the_prompt_and_a_step_for_each_token():
    one = stepping()
    assert whole_s(one) == pytest.approx(19 * COST.step_s(1, 101 + 9), rel=0.01)
    unread = writing()
    between = 1 + COST.step_s(1, 110) / (MOST_BETWEEN_S - COST.step_s(1, 110))
    assert whole_s(unread) == pytest.approx(between * COST.prompt_s(100) + 20 * COST.step_s(1, 110), rel=0.01)


def test_what_was_read_of_a_prompt_is_not_read_again():
    unread, half = writing(400), writing(400)
    half.begun, half.known = 1.0, 200
    assert whole_s(unread) - whole_s(half) == pytest.approx(COST.prompt_s(400) - COST.prompt_s(200), rel=0.15)


def test_prompts_that_are_read_first_make_it_later_and_others_only_while_it_gets_tokens():
    one = writing(100, 2)
    first, last = writing(50), writing(1500, submitted=2.0)
    assert whole_s(one, first) > whole_s(one) + COST.prompt_s(50)
    assert whole_s(one, last) < whole_s(one) + 2 * MOST_BETWEEN_S + 0.05
    assert whole_s(one, writing(1500, submitted=-9.0)) > COST.prompt_s(1500)


def test_no_more_is_read_beside_an_answer_than_there_is():
    one = stepping(new=200)
    alone_s = whole_s(one, stepping(new=200))
    unread = writing(300, 200, submitted=2.0)
    assert whole_s(one, unread) - alone_s == pytest.approx(COST.prompt_s(300), rel=0.15)


def test_what_has_no_place_waits_until_others_are_over():
    others = [stepping(new=100) for _ in range(ROWS)]
    one = writing(10, 10, submitted=2.0)
    step_s = COST.step_s(ROWS, ROWS * 150)
    assert whole_s(one, *others) > whole_s(one, *others[1:]) + 80 * step_s


def test_slower_passes_take_longer():
    slow = StepCost(**COST.measured, slower=2.0)
    assert whole_s(stepping(), cost=slow) == pytest.approx(2 * whole_s(stepping()))
