import numpy as np
import pytest
from growth import require_growth

from app.tasks.lexrank import choose, lexrank, relevance, similarities, start_of_report, word_centrality

NEVER_MOVES = 1e-4  # tolerance of a rank against the exact stationary distribution


def directions(size: int, width: int = 16, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(size, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def chosen(*scores_and_cosines, **limits) -> list[int]:
    return [choice.sentence for choice in choose(*scores_and_cosines, **limits)]


def test_similarities_are_cosines_without_negative_ones_and_without_oneself() -> None:
    found = similarities(np.array([[1, 0], [0.6, 0.8], [-1, 0]], np.float32))
    assert found == pytest.approx(np.array([[0, 0.6, 0], [0.6, 0, 0], [0, 0, 0]]), abs=1e-6)
    assert found.dtype == np.float32


def test_ranks_are_the_stationary_distribution_of_the_walk() -> None:
    cosines = similarities(directions(12))
    walk = 0.85 * cosines / cosines.sum(1, keepdims=True) + 0.15 / 12
    values, vectors = np.linalg.eig(walk.T)
    exact = np.abs(np.real(vectors[:, np.argmax(np.real(values))]))
    assert lexrank(cosines, 0.85) == pytest.approx(exact / exact.max(), abs=NEVER_MOVES)


def test_the_sentence_that_is_like_all_others_ranks_first() -> None:
    spokes = np.eye(4, 5, dtype=np.float32)
    hub = np.array([[0.5, 0.5, 0.5, 0.5, 0]], np.float32)
    assert lexrank(similarities(np.concatenate([spokes, hub])), 0.85).argmax() == 4


def test_sentences_that_are_like_no_other_rank_alike() -> None:
    assert lexrank(similarities(np.eye(3, dtype=np.float32)), 0.85) == pytest.approx(np.ones(3))


def test_words_that_many_sentences_share_make_a_sentence_central() -> None:
    found = word_centrality([["the", "storm"], ["the", "storm", "broke"], ["blue", "cheese"], []])
    assert found.argmax() in (0, 1)
    assert found.max() == 1
    assert found[2] < min(found[:2])
    assert found[3] == 0


def test_no_words_at_all_are_no_error() -> None:
    assert word_centrality([[], []]).tolist() == [0, 0]


def test_relevance_prefers_what_comes_early_and_stays_between_zero_and_one() -> None:
    found = relevance(np.array([1, 1, 1, 1], np.float32), 0.25)
    assert found == pytest.approx((1 + 0.25 / np.sqrt([1, 2, 3, 4])) / 1.25)


def test_nothing_before_the_start_counts_as_early() -> None:
    found = relevance(np.zeros(4, np.float32), 1.0, start=2)
    assert found == pytest.approx(np.array([0, 0, 1, 1 / np.sqrt(2)]) / 2)


def test_a_text_beyond_the_reach_is_less_judged_by_its_order_the_longer_it_is() -> None:
    central = np.ones(40, np.float32)
    within, beyond = (relevance(central, 2.0, reach=reach) for reach in (40, 20))
    assert within == pytest.approx(relevance(central, 2.0))
    assert beyond == pytest.approx(relevance(central, 1.0))


def of_two_matters(first: int, second: int) -> np.ndarray:
    """Similarities of `first` sentences on one matter and `second` on another."""
    return similarities(np.repeat(np.eye(2, dtype=np.float32), [first, second], axis=0))


@pytest.mark.parametrize(("first", "second"), [(3, 12), (4, 12), (5, 20)])
def test_a_report_starts_behind_what_is_of_another_matter(first: int, second: int) -> None:
    start = start_of_report(of_two_matters(first, second), 0.6)
    assert first - 1 <= start <= first  # the last of the teaser may be one of three that mostly belong


@pytest.mark.parametrize(
    "cosines",
    [
        pytest.param(of_two_matters(0, 12), id="one matter"),
        pytest.param(of_two_matters(8, 8), id="two of equal length"),
        pytest.param(of_two_matters(2, 2), id="too short to tell"),
        pytest.param(np.zeros((9, 9), np.float32), id="no sentence like another"),
        pytest.param(np.zeros((1, 1), np.float32), id="one sentence"),
    ],
)
def test_a_text_without_a_foreign_opening_starts_with_its_first_sentence(cosines: np.ndarray) -> None:
    assert start_of_report(cosines, 0.6) == 0


def test_without_kinship_every_text_starts_with_its_first_sentence() -> None:
    assert start_of_report(of_two_matters(4, 12), 0.0) == 0


def test_a_second_choice_is_not_a_copy_of_the_first() -> None:
    cosines = similarities(np.array([[1, 0], [1, 0], [0, 1]], np.float32))
    scores = np.array([1.0, 0.9, 0.7], np.float32)
    assert chosen(scores, cosines, 0.7, max_sentences=2) == [0, 2]
    assert chosen(scores, cosines, 1.0, max_sentences=2) == [0, 1]


def test_choices_come_in_the_order_in_which_they_are_made() -> None:
    scores = np.array([0.1, 0.2, 0.3], np.float32)
    assert chosen(scores, np.zeros((3, 3), np.float32), 0.7, max_sentences=2) == [2, 1]


def test_more_sentences_than_there_are_means_all() -> None:
    assert chosen(np.ones(3, np.float32), np.zeros((3, 3), np.float32), 0.7, max_sentences=9) == [0, 1, 2]


@pytest.mark.parametrize(
    ("max_words", "expected"),
    [
        pytest.param(30, [0, 1, 2], id="all-fit"),
        pytest.param(20, [0, 2], id="the-best-first-then-what-still-fits"),
        pytest.param(9, [2], id="the-best-does-not-fit"),
        pytest.param(2, [2], id="nothing-fits-so-the-shortest"),
    ],
)
def test_words_are_a_budget(max_words: int, expected: list[int]) -> None:
    scores = np.array([0.9, 0.5, 0.4], np.float32)
    none = np.zeros((3, 3), np.float32)
    assert chosen(scores, none, 0.7, lengths=[12, 11, 5], max_length=max_words) == expected


@pytest.mark.parametrize("max_sentences", [3, 2_999])
def test_choosing_takes_the_time_of_comparing_every_two_sentences(max_sentences: int) -> None:
    embeddings = directions(3_000, 384)

    def choosing(size: int) -> list[int]:
        cosines = similarities(embeddings[:size])
        scores = relevance(lexrank(cosines, 0.85), 2.0, start=start_of_report(cosines, 0.99), reach=20)
        return chosen(scores, cosines, 0.7, max_sentences=max_sentences)

    require_growth(choosing, 3_000, power=2)
    assert len(choosing(3_000)) == max_sentences


def test_a_choice_says_how_like_those_before_it_is() -> None:
    cosines = similarities(np.array([[1, 0], [0.6, 0.8], [0, 1]], np.float32))
    found = choose(np.array([1.0, 0.1, 0.5], np.float32), cosines, 0.7)
    assert [choice.sentence for choice in found] == [0, 2, 1]
    assert [choice.redundancy for choice in found] == pytest.approx([0, 0, 0.8])
