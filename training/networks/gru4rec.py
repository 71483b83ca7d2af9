"""GRU4Rec: what comes next, by a recurrent network over what was.

Paper: Hidasi et al., "Session-based Recommendations with Recurrent Neural Networks" (ICLR 2016). The loss is over all
items instead of sampled ones, as for SASRec.
"""

from torch import Tensor, nn


class GRU4Rec(nn.Module):
    """`item_ids` int64 [batch, history], padded with 0 from the left, to `scores` [batch, items + 1]."""

    def __init__(self, num_items: int, width: int = 64, hidden: int = 128, dropout: float = 0.4) -> None:
        super().__init__()
        self.items = nn.Embedding(num_items + 1, width, padding_idx=0)
        nn.init.normal_(self.items.weight, std=0.05)
        self.gru = nn.GRU(width, hidden, batch_first=True)
        self.out = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, item_ids: Tensor) -> Tensor:
        return self.states(item_ids)[:, -1] @ self.items.weight.T

    def states(self, item_ids: Tensor) -> Tensor:
        """Return what is known after each event, [batch, history, width]."""
        states, _ = self.gru(self.dropout(self.items(item_ids)))
        known: Tensor = self.out(self.dropout(states))
        return known
