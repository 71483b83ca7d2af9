from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from app.generation.drawing import draw, likeliest
from app.generation.prompt import Sampling

NEVER = -np.inf
SPARE = 1e-5  # float32 may decide a border that is nearer than that otherwise than float64


def in_order(logits: np.ndarray) -> list[int]:
    """Ids, likeliest first, of equals the lowest."""
    return sorted(range(len(logits)), key=lambda id: (-logits[id], id))


def exact(logits: np.ndarray, sampling: Sampling) -> tuple[dict[int, float], bool]:
    """The probabilities of all tokens that may be drawn, by the definition, step by step, in float64.

    And whether one is so near a border that float32 may decide otherwise.
    """
    kept = [id for id in in_order(logits) if logits[id] > NEVER]
    scaled = {id: (float(logits[id]) - float(logits[kept[0]])) / sampling.temperature for id in kept}
    weights = {id: float(np.exp(scaled[id])) for id in kept}
    if sampling.top_k:
        kept = kept[: sampling.top_k]
    is_close = any(0 < abs(weights[id] - sampling.min_p) < SPARE * sampling.min_p for id in kept)
    kept = [id for id in kept if weights[id] >= sampling.min_p]
    if sampling.top_p < 1:
        sums = np.cumsum([weights[id] for id in kept]) / sum(weights[id] for id in kept)
        is_close |= bool(np.any(np.abs(sums - sampling.top_p) < SPARE))
        kept = kept[: int(np.sum(sums < sampling.top_p)) + 1]
    total = sum(weights[id] for id in kept)
    return {id: weights[id] / total for id in kept}, is_close


def require(expected: dict[int, float], logits: np.ndarray, sampling: Sampling, chances: int) -> None:
    """Each token has an interval of chances as long as its probability: equally spaced chances find it so often."""
    counts = Counter(draw(logits, sampling, (place + 0.5) / chances) for place in range(chances))
    assert set(counts) <= set(expected)
    for id, probability in expected.items():
        assert counts[id] / chances == pytest.approx(probability, abs=1 / chances + 1e-5)


logit = st.one_of(st.floats(-30, 30, width=32), st.integers(-3, 3).map(float), st.just(NEVER), st.just(-1e30))
some_logits = (
    st.lists(logit, min_size=1, max_size=90)
    .filter(lambda these: max(these) > -100)
    .map(lambda these: np.array(these, np.float32))
)
some_sampling = st.builds(
    Sampling,
    temperature=st.sampled_from([1e-6, 0.2, 0.7, 1.0, 2.0]),
    top_k=st.sampled_from([0, 0, 1, 2, 5, 64, 80, 1000]),
    top_p=st.sampled_from([1e-9, 0.1, 0.5, 0.9, 0.999, 1.0]),
    min_p=st.sampled_from([0.0, 0.0, 1e-9, 0.05, 0.5, 1.0]),
)


@settings(max_examples=100, deadline=None)
@given(logits=some_logits, sampling=some_sampling)
@example(np.zeros(90, np.float32), Sampling(temperature=1.0, top_p=0.9))
@example(np.array([-3e-24, 0.0, 1.0], np.float32), Sampling(temperature=0.2, top_k=2))
@example(np.array([-3e-24, 0.0, 1.0], np.float32), Sampling(temperature=0.2, top_p=0.99))
@example(np.zeros(90, np.float32), Sampling(temperature=1.0, top_k=70, top_p=0.999, min_p=1.0))
def test_tokens_are_drawn_with_their_probabilities(logits, sampling) -> None:
    expected, is_close = exact(logits, sampling)
    assume(not is_close)
    require(expected, logits, sampling, chances=200)


def flat(size: int, spread: float) -> np.ndarray:
    return (np.random.default_rng(size).normal(size=size) * spread).astype(np.float32)


@pytest.mark.parametrize("top_p", [0.05, 0.3, 0.9, 0.99999])
@pytest.mark.parametrize(
    "logits",
    [
        pytest.param(flat(3_001, 4.0), id="tens hold most"),
        pytest.param(flat(3_002, 2.0), id="hundreds hold most"),
        pytest.param(flat(3_003, 0.5), id="thousands hold most"),
        pytest.param(np.round(flat(3_004, 2.0)), id="many are equal"),
        pytest.param(np.zeros(3_005, np.float32), id="all are equal"),
        pytest.param(np.arange(3_006, dtype=np.float32) / 300, id="in order"),
        pytest.param(np.where(np.arange(3_007) % 40, np.float32(NEVER), flat(3_007, 1.0)), id="most are forbidden"),
    ],
)
def test_a_nucleus_is_exact_however_many_it_holds(logits, top_p) -> None:
    for sampling in (Sampling(1.0, top_p=top_p), Sampling(1.0, top_k=701, top_p=top_p), Sampling(1.0, 600)):
        require(exact(logits, sampling)[0], logits, sampling, chances=300)


@pytest.mark.parametrize(
    "sampling",
    [
        pytest.param(Sampling(temperature=1e-6), id="temperature"),
        pytest.param(Sampling(temperature=1e-320), id="a temperature that float32 does not know"),
        pytest.param(Sampling(temperature=2.0, top_k=1), id="top_k"),
        pytest.param(Sampling(temperature=2.0, top_p=1e-9), id="top_p"),
        pytest.param(Sampling(temperature=2.0, min_p=1.0), id="min_p"),
    ],
)
@pytest.mark.parametrize("chance", [0.0, 0.5, 1 - 2**-53])
def test_extremes_leave_only_the_likeliest(sampling, chance) -> None:
    with np.errstate(over="ignore"):  # as a Chooser calls it
        assert draw(np.array([-1e30, 1.0, 3.0, 2.99, NEVER], np.float32), sampling, chance) == 2
        assert draw(np.array([-3e38, 3e38, 1e30, NEVER], np.float32), sampling, chance) == 1


@pytest.mark.parametrize("chance", [0.0, 1 - 2**-53])
def test_what_has_no_probability_is_not_drawn_at_either_end(chance) -> None:
    logits = np.array([NEVER, -1e30, 0.0, 0.0, -1e30, NEVER], np.float32)
    for top_p in (0.9, 1.0):
        assert draw(logits, Sampling(temperature=1.0, top_p=top_p), chance) == (2 if chance == 0 else 3)


def test_logits_stay_as_they_are() -> None:
    logits = flat(1_000, 1.0)
    before = logits.copy()
    for sampling in (Sampling(0.5), Sampling(0.5, top_k=3, top_p=0.5, min_p=0.1), Sampling(0.5, top_p=0.99)):
        draw(logits, sampling, 0.5)
    assert np.array_equal(logits, before)


@settings(deadline=None)
@given(
    logits=st.lists(logit, min_size=1, max_size=300).map(lambda these: np.array(these, np.float32)),
    count=st.sampled_from([0, 1, 2, 5, 20, 64, 300, 5_000]),
)
@example(np.full(300, NEVER, np.float32), 5)
@example(np.array([0.0, -0.0, 0.0], np.float32), 2)
def test_the_likeliest_are_those_that_a_full_sort_puts_first(logits, count) -> None:
    finite = [id for id in in_order(logits) if logits[id] > NEVER]
    assert likeliest(logits, count).tolist() == finite[:count]


def test_a_share_that_rounding_keeps_out_of_reach_is_all() -> None:
    nearly_all = Sampling(temperature=1.0, top_p=1 - 2**-53)
    for size in range(1_000, 1_100):
        logits = flat(size, 4.0)
        assert draw(logits, nearly_all, 0.0) in range(size)
