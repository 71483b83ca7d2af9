import numpy as np
import pytest

from training.data.event_log import leave_last_out
from training.measures.ranking import hit_rate, ndcg, target_ranks


def test_leaving_the_last_out_twice_leaks_nothing() -> None:
    past, targets = leave_last_out([[1, 2, 3, 4], [4, 3, 2]])
    assert (past, targets) == ([[1, 2, 3], [4, 3]], [4, 2])
    assert leave_last_out(past) == ([[1, 2], [4]], [3, 3])


def test_a_rank_counts_only_items_not_yet_seen_and_ties_count_against_the_target() -> None:
    scores = np.array(
        [
            [9.0, 5.0, 4.0, 3.0, 2.0],  # item 1 is in the history and item 0 is padding: 2 before 3
            [9.0, 1.0, 1.0, 1.0, 1.0],  # everything ties
            [9.0, 0.0, 0.0, 7.0, 8.0],
        ]
    )
    assert target_ranks(scores, [[1], [2], [1, 2]], [3, 1, 4]).tolist() == [2, 3, 1]


def test_a_target_in_its_own_history_is_refused() -> None:
    with pytest.raises(ValueError, match="own history"):
        target_ranks(np.zeros((1, 3)), [[1, 2]], [2])


def test_metrics_equal_those_computed_by_hand() -> None:
    ranks = np.array([1, 3, 11])
    assert hit_rate(ranks, 10) == pytest.approx(2 / 3)
    assert ndcg(ranks, 10) == pytest.approx((1 + 1 / 2 + 0) / 3)  # 1 / log2(2), 1 / log2(4), too late
