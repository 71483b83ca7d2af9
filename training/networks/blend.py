"""Networks that foresee the next item by two readings of a history: its order, and what it holds.

EASE: Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW 2019), a linear model in closed form. Here its
events fade with their age, which helps more than anything else about it.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from app.tensors import Array


class Blend(nn.Module):
    """`item_ids` int64 [batch, history], padded with 0 from the left, to `scores` [batch, items + 1].

    Log-probabilities of `sequential`, plus `share` of what EASE says by `weights` [items + 1, items + 1] of the same
    history, in which each event counts `recency` of the one after it.
    """

    def __init__(self, sequential: nn.Module, weights: Array, max_history: int, recency: float, share: float) -> None:
        super().__init__()
        self.sequential = sequential
        self.weights = nn.Parameter(share * torch.from_numpy(weights), requires_grad=False)
        self.faded: Tensor
        self.register_buffer("faded", recency ** torch.arange(max_history - 1.0, -1, -1), persistent=False)

    def forward(self, item_ids: Tensor) -> Tensor:
        probabilities = F.log_softmax(self.sequential(item_ids), -1)
        holds = torch.zeros_like(probabilities).scatter_add(1, item_ids, self.faded.expand_as(item_ids))
        scores: Tensor = probabilities + holds @ self.weights
        return scores


def ease_weights(histories: Sequence[Sequence[int]], num_items: int, penalty: float) -> Array:
    """Return what having seen one item says of each other, fp32 [items + 1, items + 1]; 0 for itself and padding."""
    counts = seen_together(histories, num_items)
    inverse = np.linalg.inv(counts + penalty * np.eye(num_items + 1, dtype=np.float32))
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    weights[0] = 0  # padding
    return np.asarray(weights)


def seen_together(histories: Sequence[Sequence[int]], num_items: int, people_at_once: int = 4096) -> Array:
    """Count the histories that hold both of two items, fp32 [items + 1, items + 1], `people_at_once` at a time."""
    counts = np.zeros((num_items + 1, num_items + 1), np.float32)
    for start in range(0, len(histories), people_at_once):
        some = histories[start : start + people_at_once]
        seen = np.zeros((len(some), num_items + 1), np.float32)
        for row, history in enumerate(some):
            seen[row, list(history)] = 1
        counts += seen.T @ seen
    return counts
