import numpy as np
import pytest

from training.card import groups
from training.card.groups import favour_table, group_table
from training.measures.groups import NONE, recommended


def test_a_group_has_its_own_figures_and_a_small_one_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "FEW", 2)
    chosen = {"all": np.ones(4, bool), "first two": np.arange(4) < 2, "last": np.arange(4) == 3}
    ranks = {"ours": np.array([1, 11, 2, 3]), "popularity": np.array([50, 1, 50, 50])}
    lines = group_table(chosen, ranks, 10).splitlines()
    assert lines[0] == "| people | number | ours | popularity |"
    assert lines[2:] == ["| all | 4 | 0.750 ± 0.217 | 0.250 |", "| first two | 2 | 0.500 ± 0.354 | 0.500 |"]


def test_lists_that_show_the_same_to_everybody_are_found_out() -> None:
    popularity = np.array([0, *range(20, 0, -1)])
    shown = {"same": np.array([[1, 2], [1, 2]]), "own": np.array([[5, 6], [7, 2]])}
    assert favour_table(shown, popularity).splitlines()[2:] == ["| same | 0.100 | 1.000 |", "| own | 0.200 | 0.250 |"]


def test_where_little_is_left_nothing_seen_takes_its_place() -> None:
    scores = np.array([[9, 1, 3, 2], [9, 3, 2, 1]], np.float32)
    shown = recommended(scores, [[1, 2], [3]], 2)
    assert shown.tolist() == [[3, NONE], [1, 2]]
    popularity = np.array([0, *range(20, 0, -1)])
    assert favour_table({"few": shown}, popularity).splitlines()[2:] == ["| few | 0.150 | 0.667 |"]
