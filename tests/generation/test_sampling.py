from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InferenceFailed
from app.generation.prompt import Prompt, Sampling, Token
from app.generation.sampling import Chooser

NEVER = -np.inf
WIDE = 49_153  # an odd number, so that rows begin at other alignments


class Alternating:
    """A grammar of even and odd tokens by turns."""

    def __init__(self) -> None:
        self.accepted: list[int] = []

    def forbid(self, logits) -> None:
        logits[(len(self.accepted) + 1) % 2 :: 2] = NEVER

    def accept(self, token) -> None:
        self.accepted.append(token)


class Broken(Alternating):
    """Raises after some tokens: where it forbids, or where it accepts."""

    def __init__(self, forbids: int = 99, accepts: int = 99) -> None:
        super().__init__()
        self.forbids, self.accepts = forbids, accepts

    def forbid(self, logits) -> None:
        logits[:] = NEVER  # half of its work is done when it fails
        if len(self.accepted) == self.forbids:
            raise RuntimeError("the grammar broke")
        logits[0] = 0

    def accept(self, token) -> None:
        if len(self.accepted) == self.accepts:
            raise RuntimeError("the grammar broke")
        super().accept(token)


def prompt(sampling=None, **fields) -> Prompt:
    return Prompt((1, 2), max_new_tokens=100, sampling=Sampling(**sampling or {}), **fields)


def choose(logits: np.ndarray, choosers: list[Chooser]) -> list[Token | Exception]:
    """The next token of each row, or the error that it has instead."""

    def one(chooser: Chooser, row: np.ndarray) -> Token | Exception:
        try:
            return chooser.choose(row)
        except Exception as error:
            return error

    return [one(chooser, row) for row, chooser in zip(logits, choosers, strict=True)]


def chosen_alone(chooser: Chooser, *logits: list[float]) -> list[int]:
    return [chooser.choose(np.array(step, np.float32)).id for step in logits]


def random_steps(steps: int, rows: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(steps, rows, width), scale=3).astype(np.float32)


def texts(steps: np.ndarray, prompts: list[Prompt]) -> list[list[Token | str]]:
    """Return what each prompt becomes, in company, by logits [steps, rows, vocabulary]; an error as its text."""
    choosers = [Chooser(one) for one in prompts]
    told = [[str(one) if isinstance(one, Exception) else one for one in choose(step, choosers)] for step in steps]
    return [list(row) for row in zip(*told, strict=True)]


# Company


PROMPTS = [
    prompt(),
    prompt({"temperature": 0.7, "top_p": 0.9, "seed": 1, "num_logprobs": 3}),
    prompt({"temperature": 1.0, "seed": 2}),
    prompt({"temperature": 2.0, "top_p": 0.999, "seed": 3, "num_logprobs": 0}),
    prompt({"temperature": 1.0, "top_k": 40, "min_p": 0.01, "seed": 4, "logit_bias": {3: 5.0, 4: -100.0}}),
    prompt({"repetition_penalty": 1.3, "presence_penalty": 1.0, "frequency_penalty": 0.5, "num_logprobs": 20}),
    prompt({"temperature": 1.0, "seed": 5}, constraint=Alternating),
    prompt({"temperature": 1.0, "seed": 6}, constraint=lambda: Broken(forbids=2)),
    prompt({"temperature": 0.0}, end_ids=frozenset({0, 1}), min_new_tokens=3),
]


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.integers(0, len(PROMPTS) - 1), min_size=1, max_size=8),
    width=st.integers(2, 700),
    seed=st.integers(0, 1000),
    poison=st.sampled_from([None, np.nan, np.inf, NEVER]),
    data=st.data(),
)
def test_company_makes_no_difference_to_a_row(rows, width, seed, poison, data) -> None:
    prompts = [
        replace(one, sampling=replace(one.sampling, logit_bias={id: by for id, by in one.sampling.logit_bias.items()
                                                                if id < width}))
        for one in (PROMPTS[row] for row in rows)
    ]  # fmt: skip
    steps = random_steps(4, len(rows), width, seed)
    if poison is not None:
        steps[1, 0] = poison
    together = texts(steps, prompts)
    order = data.draw(st.permutations(range(len(rows))))
    in_other_order = texts(np.ascontiguousarray(steps[:, order]), [prompts[row] for row in order])
    for row, one in enumerate(prompts):
        assert texts(steps[:, row : row + 1].copy(), [one]) == [together[row]]
        assert in_other_order[order.index(row)] == together[row]


def test_rows_of_a_whole_vocabulary_are_the_same_to_the_last_bit() -> None:
    steps = random_steps(3, len(PROMPTS), WIDE)
    together = texts(steps, PROMPTS)
    for row, one in enumerate(PROMPTS):
        assert texts(steps[:, row : row + 1].copy(), [one]) == [together[row]]


def test_logits_are_never_changed() -> None:
    steps = random_steps(4, len(PROMPTS), 500)
    before = steps.copy()
    texts(steps, PROMPTS)
    assert np.array_equal(steps, before)


# Errors of one row


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize(
    "logits",
    [
        pytest.param([np.nan] * 3, id="NaN"),
        pytest.param([1.0, 2.0, np.nan], id="one NaN"),
        pytest.param([NEVER] * 3, id="minus infinity"),
        pytest.param([np.inf] * 3, id="infinity"),
        pytest.param([1.0, np.inf, 2.0], id="one infinity"),
        pytest.param([np.inf, NEVER, np.nan], id="all three"),
    ],
)
def test_logits_that_are_not_finite_end_one_row_alone(logits, temperature) -> None:
    settings = {"temperature": temperature, "top_p": 0.9, "num_logprobs": 2}
    rows = np.array([[1, 9, 0], logits, [9, 0, 1]], np.float32)
    first, failed, last = choose(rows, [Chooser(prompt({**settings, "seed": 0})) for _ in range(3)])
    assert isinstance(failed, InferenceFailed)
    assert str(failed) == "the model gave no finite logits"
    assert (first.id, last.id) == (1, 0)


@pytest.mark.parametrize(
    ("constraint", "tokens"),
    [
        pytest.param(lambda: Broken(forbids=0), 0, id="forbids"),
        pytest.param(lambda: Broken(accepts=0), 0, id="accepts"),
        pytest.param(lambda: Broken(forbids=2), 2, id="later"),
        pytest.param(lambda: 1 / 0, 0, id="is not even made"),
    ],
)
def test_a_constraint_that_raises_ends_one_row_alone(constraint, tokens) -> None:
    choosers = [Chooser(prompt()), Chooser(prompt(constraint=constraint)), Chooser(prompt())]
    steps = [choose(step, choosers) for step in random_steps(tokens + 1, 3, 5)]
    assert all(isinstance(one, Token) for step in steps for one in (step[0], step[2]))
    assert [type(step[1]) for step in steps[:-1]] == [Token] * tokens
    assert isinstance(steps[-1][1], RuntimeError | ZeroDivisionError)
    assert choosers[1].num_tokens == tokens


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_where_all_is_forbidden_there_is_no_token(temperature) -> None:
    chooser = Chooser(
        prompt({"temperature": temperature}, constraint=Alternating, end_ids=frozenset({0, 2}), min_new_tokens=1)
    )
    [failed] = choose(np.array([[1, 2, 3]], np.float32), [chooser])
    assert isinstance(failed, InferenceFailed)
    assert str(failed) == "no token may come next: all are forbidden"


# Greedy


@settings(deadline=None)
@given(
    st.lists(st.integers(-2, 2) | st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40)
)
def test_greedy_is_the_largest_logit_and_of_equals_the_lowest_id(row) -> None:
    logits = np.array([row], np.float32)
    plain, told, biased = choose(
        logits.repeat(3, axis=0),
        [Chooser(prompt(sampling)) for sampling in ({}, {"num_logprobs": 1}, {"logit_bias": {0: 0.0}})],
    )
    assert plain.id == told.id == biased.id == told.top[0][0] == int(np.argmax(logits))
    assert plain == Token(plain.id)


# Order of what changes logits


def test_penalties_count_generated_tokens_and_not_those_of_the_prompt() -> None:
    logits = [0.0, 3.0, 2.0, 1.5]  # 1 and 2 are in the prompt
    assert chosen_alone(Chooser(prompt({"presence_penalty": 1.2})), *[logits] * 4) == [1, 2, 1, 1]
    assert chosen_alone(Chooser(prompt({"frequency_penalty": 0.6})), *[logits] * 5) == [1, 1, 2, 1, 3]
    assert chosen_alone(Chooser(prompt({"repetition_penalty": 2.5})), *[logits] * 4) == [1, 2, 3, 1]


@pytest.mark.parametrize("penalty", [2.0, -2.0])
def test_extreme_penalties_and_biases_on_many_tokens(penalty) -> None:
    bias = {id: 100.0 if id % 2 else -100.0 for id in range(0, 3_000)}
    sampling = {"frequency_penalty": penalty, "presence_penalty": penalty, "temperature": 2.0, "seed": 0}
    chooser = Chooser(prompt({**sampling, "logit_bias": bias, "num_logprobs": 5}))
    told = [chooser.choose(row[0]) for row in random_steps(50, 1, 4_000)]
    assert all(one.id % 2 and one.id < 3_000 for one in told)
    assert (len({one.id for one in told}) == 50) == (penalty > 0)  # a reward makes a token come again


def test_a_bias_changes_what_is_chosen_and_cannot_allow_what_the_graph_forbids() -> None:
    logits = [0.0, 3.0, NEVER, 1.0]
    assert chosen_alone(Chooser(prompt({"logit_bias": {3: 2.5}})), logits) == [3]
    assert chosen_alone(Chooser(prompt({"logit_bias": {1: -100.0, 3: -100.0}})), logits) == [0]
    assert chosen_alone(Chooser(prompt({"logit_bias": {2: 100.0}})), logits) == [1]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_ends_come_not_before_so_many_tokens_whatever_their_bias(temperature) -> None:
    sampling = {"temperature": temperature, "logit_bias": {0: 100.0, 2: 99.0}, "seed": 0}
    chooser = Chooser(prompt(sampling, end_ids=frozenset({0, 2}), min_new_tokens=3))
    assert chosen_alone(chooser, *[[5.0, 1.0, 5.0, -60.0]] * 4) == [1, 1, 1, 0]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_constraint_is_obeyed_told_and_made_once_when_it_is_needed(temperature) -> None:
    made = []
    chooser = Chooser(
        prompt({"temperature": temperature, "logit_bias": {1: 100.0}}, constraint=lambda: made.append(Alternating()) or
               made[-1])
    )  # fmt: skip
    assert not made
    ids = chosen_alone(chooser, *[[1.0, 2.0, 3.0, 4.0, 5.0]] * 6)
    assert [id % 2 for id in ids] == [0, 1] * 3
    assert len(made) == 1
    assert made[0].accepted == ids
    assert chooser.num_tokens == 6
