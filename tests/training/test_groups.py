import numpy as np
import pytest

from training import groups
from training.groups import NONE, by_activity, by_target, favour_table, group_table, popular, recommended


def test_people_are_told_apart_by_how_much_is_known_of_them() -> None:
    found = by_activity([[1] * count for count in (1, 50, 51, 150, 151)])
    assert {name: group.tolist() for name, group in found.items()} == {
        "up to 50 events": [True, True, False, False, False],
        "51 to 150 events": [False, False, True, True, False],
        "over 150 events": [False, False, False, False, True],
    }


def test_the_most_popular_tenth_never_has_the_padding_in_it() -> None:
    assert np.flatnonzero(popular(np.array([99, 1, 5, 5, 0, 0, 0, 0, 0, 0, 0]))).tolist() == [2]


def test_people_are_told_apart_by_how_popular_their_next_item_is() -> None:
    popularity = np.array([0, 9, *[1] * 9])
    head, tail = by_target([1, 2, 1], popularity).values()
    assert (head.tolist(), tail.tolist()) == ([True, False, True], [False, True, False])


def test_what_is_recommended_is_new_and_never_padding() -> None:
    scores = np.array([[9, 1, 3, 2], [9, 3, 2, 1]], np.float32)
    assert recommended(scores, [[2], [1, 3]], 1).tolist() == [[3], [2]]
    assert scores[0].tolist() == [9, 1, 3, 2]


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
