"""Networks that foresee the next item by two readings of a history: its order, and what it holds (EASE)."""

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
