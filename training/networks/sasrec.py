"""SASRec: what comes next, by causal self-attention over what was.

Paper: Kang & McAuley, "Self-Attentive Sequential Recommendation" (ICDM 2018). Three things differ: a position is a
learned bias for each head and distance (Shaw et al. 2018) instead of an embedding, so that a pattern counts
wherever in the history it stands; dropout holds one mask for a whole history (Gal & Ghahramani 2016); and the
loss is over all items instead of sampled ones (Klenitskiy & Vasilev 2023).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HIDDEN = -1e4  # an attention logit whose softmax is zero; finite, so that a row of padding has no nan


class SASRec(nn.Module):
    """`item_ids` int64 [batch, max_history], padded with 0 from the left, to `scores` [batch, items + 1].

    Scores are logits of the next item. A history may be shorter than `max_history` without padding.
    """

    def __init__(
        self, num_items: int, max_history: int, width: int = 64, heads: int = 2, layers: int = 1, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.items = nn.Embedding(num_items + 1, width, padding_idx=0)
        nn.init.normal_(self.items.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(width, heads, max_history, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.dropout = HistoryDropout(dropout)
        position = torch.arange(max_history)
        self.distance: Tensor
        self.register_buffer("distance", (position[:, None] - position).clamp(min=0), persistent=False)
        self.visible: Tensor
        self.register_buffer("visible", position[:, None] >= position, persistent=False)

    def forward(self, item_ids: Tensor) -> Tensor:
        return self.states(item_ids)[:, -1] @ self.items.weight.T

    def states(self, item_ids: Tensor) -> Tensor:
        """Return a state after each event, [batch, history, width]; times the items' embeddings it is scores."""
        hidden = ~(self.visible & (item_ids != 0)[:, None, None, :])
        state = self.dropout(self.items(item_ids) * self.items.embedding_dim**0.5)
        for block in self.blocks:
            state = block(state, hidden, self.distance)
        normalised: Tensor = self.norm(state)
        return normalised


class Block(nn.Module):
    """Attention to earlier events, then two linear layers, each added to a state that is normalised before."""

    def __init__(self, width: int, heads: int, max_history: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.bias = nn.Parameter(torch.zeros(heads, max_history))
        self.attended = nn.Linear(width, width)
        self.dropout = HistoryDropout(dropout)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            HistoryDropout(dropout),
            nn.Linear(2 * width, width),
            HistoryDropout(dropout),
        )

    def forward(self, state: Tensor, hidden: Tensor, distance: Tensor) -> Tensor:
        split = self.query_key_value(self.attention_norm(state)).unflatten(-1, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)
        # Where all is hidden, in padding, all is equally hidden: a mean of padding, which nothing reads.
        logits = query @ key.mT * key.shape[-1] ** -0.5 + self.bias[:, distance]
        attended = torch.softmax(logits.masked_fill(hidden, HIDDEN), dim=-1) @ value
        state = state + self.dropout(self.attended(attended.transpose(1, 2).flatten(2)))
        state = state + self.feed_forward(state)
        return state


class HistoryDropout(nn.Module):
    """Dropout of whole features: one mask for all positions of a history, and a fiftieth of the random numbers."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, state: Tensor) -> Tensor:
        if not self.training:
            return state
        return state * F.dropout(torch.ones_like(state[:, :1]), self.probability)
