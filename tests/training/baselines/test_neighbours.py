import numpy as np
import pytest

from training.baselines.neighbours import item_knn


def test_item_knn_ranks_what_was_seen_together_and_recently_first() -> None:
    histories = [[1, 2], [1, 2], [3, 4], [3, 4], [1, 3]]
    (scores,) = item_knn(histories, [[1, 3]], num_items=4, recency=0.5)
    assert scores[4] == pytest.approx(2 / np.sqrt(3 * 2))  # item 3 is newest, seen by three, twice with 4
    assert scores[2] == pytest.approx(0.5 * 2 / np.sqrt(3 * 2))
    assert scores[0] == 0
