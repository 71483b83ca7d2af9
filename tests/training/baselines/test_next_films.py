from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from app.tensors import Array
from training.baselines import next_films
from training.data.event_log import History
from training.loop.next_event import NextEventSettings
from training.networks.matching import EmbeddingMLP, NeuMF
from training.recipe import Run

NUM_ITEMS = 12


def two_tastes(people: int = 24) -> list[History]:
    """Half of the people see items 1 to 6, the others 7 to 12, in an order of their own."""
    random = np.random.default_rng(0)
    return [(random.permutation(6) + 1 + 6 * (person % 2)).tolist() for person in range(people)]


def test_a_method_is_judged_by_the_last_event_that_it_did_not_see() -> None:
    given: list[Sequence[History]] = []

    def scores(histories: Sequence[History]) -> Array:
        given.append(histories)
        return np.tile(np.arange(NUM_ITEMS + 1.0), (len(histories), 1))

    figures = next_films.judged(scores, [[1, 2, 12], [3, 4, 11]])
    assert given == [[[1, 2], [3, 4]]]
    assert figures["hr@10"] == 1
    assert figures["ndcg@10"] == pytest.approx((1 + 1 / np.log2(3)) / 2)


def test_settings_are_chosen_without_the_last_events() -> None:
    def always(item: int) -> next_films.Scores:
        return lambda histories: np.tile(np.eye(NUM_ITEMS + 1)[item], (len(histories), 1))

    past = [[1, 2, 5], [3, 4, 5]]
    assert next_films.best({"four": always(4), "five": always(5)}, past) == "five"


@pytest.mark.parametrize("network", [EmbeddingMLP, NeuMF])
def test_a_matching_network_learns_who_likes_what(tmp_path: Path, network: type[EmbeddingMLP | NeuMF]) -> None:
    past = [history[:-1] for history in two_tastes()]
    scores = next_films.pairs(network, 150, NUM_ITEMS, Run(tmp_path))(past)
    assert scores.shape == (24, NUM_ITEMS + 1)
    assert scores[::2, 1:7].mean() > scores[::2, 7:].mean() + 1
    assert scores[1::2, 7:].mean() > scores[1::2, 1:7].mean() + 1


def test_als_scores_what_people_alike_have_seen() -> None:
    pytest.importorskip("implicit")
    past = [history[:-1] for history in two_tastes()]
    scores = next_films.als(4, 0.1, 1, NUM_ITEMS)(past)
    assert scores.shape == (24, NUM_ITEMS + 1)
    assert scores[::2, 1:7].mean() > scores[::2, 7:].mean() + 0.2


def test_gru4rec_learns_what_follows_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_films, "AS_SASREC", NextEventSettings(epochs=60))
    ring = [[(person + step) % NUM_ITEMS + 1 for step in range(8)] for person in range(24)]
    figures = next_films.judged(next_films.gru4rec(NUM_ITEMS, Run(tmp_path)), ring)
    assert figures["ndcg@10"] > 0.8
