import numpy as np
import torch

from training.networks.blend import Blend
from training.networks.ease import ease_weights, seen_together
from training.networks.sasrec import SASRec

HISTORIES = [[1, 2, 3], [1, 2], [2, 3, 4], [4, 1]]
NUM_ITEMS, MAX_HISTORY = 5, 4


def test_ease_says_nothing_of_an_item_by_itself_nor_by_padding() -> None:
    weights = ease_weights(HISTORIES, NUM_ITEMS, penalty=1.0)
    assert (np.diag(weights) == 0).all()
    assert (weights[0] == 0).all()


def test_ease_has_the_least_squared_error_under_its_penalty() -> None:
    seen = np.zeros((len(HISTORIES), NUM_ITEMS + 1))
    for row, history in enumerate(HISTORIES):
        seen[row, history] = 1
    weights = ease_weights(HISTORIES, NUM_ITEMS, penalty=2.0).astype(np.float64)
    gradient = seen.T @ (seen @ weights - seen) + 2.0 * weights
    np.fill_diagonal(gradient, 0)  # the diagonal is held at zero
    assert np.abs(gradient).max() < 1e-5


def test_histories_are_counted_a_few_at_a_time() -> None:
    counts = seen_together(HISTORIES, NUM_ITEMS, people_at_once=3)
    assert np.diag(counts).tolist() == [0, 3, 3, 2, 2, 0]
    assert (counts[1, 2], counts[2, 3], counts[1, 4], counts[4, 1], counts[1, 5]) == (2, 2, 1, 1, 0)
    assert np.array_equal(counts, seen_together(HISTORIES, NUM_ITEMS))


@torch.inference_mode()
def test_a_blend_adds_what_ease_says_of_a_fading_history() -> None:
    sasrec = SASRec(NUM_ITEMS, MAX_HISTORY, width=8).eval()
    weights = ease_weights(HISTORIES, NUM_ITEMS, penalty=1.0)
    blend = Blend(sasrec, weights, MAX_HISTORY, recency=0.5, share=3.0)
    ids = torch.tensor([[0, 0, 2, 1], [0, 4, 3, 2]])
    alone = torch.log_softmax(sasrec(ids), -1).numpy()
    expected = alone + 3.0 * np.stack(
        [0.5 * weights[2] + weights[1], 0.25 * weights[4] + 0.5 * weights[3] + weights[2]]
    )
    np.testing.assert_allclose(blend(ids).numpy(), expected, atol=1e-5)
