import numpy as np

from training.measures.groups import by_activity, by_target, popular, recommended


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
