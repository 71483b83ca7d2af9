"""Log-probabilities, seeds, and how often each token is drawn."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.generation.prompt import Prompt, Sampling
from app.generation.sampling import Chooser

NEVER = -np.inf


def prompt(sampling=None, **fields) -> Prompt:
    return Prompt((1, 2), max_new_tokens=100, sampling=Sampling(**sampling or {}), **fields)


def chosen_alone(chooser: Chooser, *logits: list[float]) -> list[int]:
    return [chooser.choose(np.array(step, np.float32)).id for step in logits]


# Log-probabilities


@settings(deadline=None)
@given(
    st.lists(st.integers(-2, 2) | st.floats(-50, 50, width=32) | st.just(NEVER), min_size=1, max_size=60),
    st.sampled_from([0, 1, 5, 20]),
)
def test_log_probabilities_are_those_of_the_softmax(row, count) -> None:
    logits = np.array([*row, 0.0], np.float32)
    token = Chooser(prompt({"num_logprobs": count})).choose(logits)
    exact = logits.astype(np.float64) - np.logaddexp.reduce(logits.astype(np.float64))
    finite = [id for id in range(len(logits)) if logits[id] > NEVER]
    expected = sorted(finite, key=lambda id: (-logits[id], id))[:count]
    assert token.logprob == pytest.approx(exact[token.id], abs=1e-6)
    assert token.logprob <= 0
    assert [id for id, _ in token.top] == expected
    assert [logprob for _, logprob in token.top] == pytest.approx([exact[id] for id in expected], abs=1e-6)


def test_log_probabilities_are_those_before_anything_changes_the_logits() -> None:
    logits = np.array([2.0, 1.0, 0.0, -1.0], np.float32)
    sampling = {"temperature": 0.1, "top_k": 1, "logit_bias": {3: 100.0}, "num_logprobs": 2, "presence_penalty": 2.0}
    token = Chooser(prompt(sampling)).choose(logits)
    log_sum = np.log(np.exp([2.0, 1.0, 0.0, -1.0]).sum())
    assert token.id == 3
    assert token.logprob == pytest.approx(-1 - log_sum)
    assert token.top == (pytest.approx((0, 2 - log_sum)), pytest.approx((1, 1 - log_sum)))


def test_huge_logits_have_log_probabilities() -> None:
    token = Chooser(prompt({"num_logprobs": 9})).choose(np.array([-3e38, 1e30, 3e38, NEVER], np.float32))
    assert (token.id, token.logprob) == (2, 0.0)
    assert [id for id, _ in token.top] == [2, 1, 0]
    assert all(np.isfinite(logprob) for _, logprob in token.top)


# Chance


def drawn(seed: int | None, count: int = 30) -> list[int]:
    return chosen_alone(Chooser(prompt({"temperature": 1.0, "seed": seed})), *[[0.0] * 1000] * count)


@settings(deadline=None)
@given(st.integers(-(2**63), 2**63 - 1))
def test_a_seed_gives_the_same_text_again_and_no_other_seed_does(seed) -> None:
    assert drawn(seed) == drawn(seed)
    assert drawn(seed) != drawn(seed + 1)


def test_without_a_seed_each_answer_differs() -> None:
    assert drawn(None) != drawn(None)


@pytest.mark.parametrize(
    "sampling",
    [
        pytest.param({"temperature": 1.0}, id="all"),
        pytest.param({"temperature": 0.7, "top_p": 0.9}, id="top_p"),
        pytest.param({"temperature": 1.5, "top_k": 6}, id="top_k"),
        pytest.param({"temperature": 2.0, "min_p": 0.1}, id="min_p"),
        pytest.param({"temperature": 1.3, "top_k": 9, "min_p": 0.02, "top_p": 0.95}, id="all three"),
    ],
)
def test_many_draws_have_the_exact_distribution(sampling) -> None:
    logits = np.linspace(3, -3, 15, dtype=np.float32)[np.random.default_rng(0).permutation(15)]
    weights = np.exp(np.sort(logits.astype(np.float64))[::-1] / sampling["temperature"])
    kept = weights[: sampling.get("top_k", 15)]
    kept = kept[kept >= sampling.get("min_p", 0) * kept[0]]
    kept = kept[: int(np.sum(kept.cumsum() < sampling.get("top_p", 1) * kept.sum() * (1 - 1e-9))) + 1]
    chooser = Chooser(prompt({**sampling, "seed": 7}))
    count = 8_000
    counts = Counter(chooser.choose(logits).id for _ in range(count))
    observed = np.array([counts[id] for id in np.argsort(-logits)])
    expected = kept / kept.sum() * count
    chi_square = ((observed[: len(kept)] - expected) ** 2 / expected).sum()
    freedom = len(kept) - 1
    assert observed[len(kept) :].sum() == 0
    # Wilson and Hilferty (1931): 3.1 standard deviations, one of a thousand seeds.
    assert chi_square < freedom * (1 - 2 / (9 * freedom) + 3.1 * np.sqrt(2 / (9 * freedom))) ** 3


def test_tokens_that_are_asked_for_are_told_after_the_likeliest() -> None:
    sampling = {"num_logprobs": 1, "logprob_token_ids": (3, 0)}
    token = Chooser(prompt(sampling)).choose(np.array([2.0, 1.0, 0.0, -1.0], np.float32))
    log_sum = np.log(np.exp([2.0, 1.0, 0.0, -1.0]).sum())
    assert [id for id, _ in token.top] == [0, 3, 0]
    assert token.top[1][1] == pytest.approx(-1 - log_sum)
