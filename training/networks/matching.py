"""Networks that score a pair of a person and an item: who somebody is instead of what they saw last.

Paper of NeuMF: He et al., "Neural Collaborative Filtering" (WWW 2017).
"""

import torch
from torch import Tensor, nn


class EmbeddingMLP(nn.Module):
    """The textbook: `people` and `items` int64 [pairs] as embeddings, side by side through linear layers to a logit."""

    def __init__(self, num_people: int, num_items: int, width: int = 50) -> None:
        super().__init__()
        self.people, self.items = _embedding(num_people, width), _embedding(num_items + 1, width)
        self.layers = nn.Sequential(
            nn.Linear(2 * width, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1)
        )

    def forward(self, people: Tensor, items: Tensor) -> Tensor:
        logits: Tensor = self.layers(torch.cat([self.people(people), self.items(items)], -1))
        return logits.squeeze(-1)


class NeuMF(nn.Module):
    """Linear layers over one pair of embeddings beside the product of another pair, to one logit."""

    def __init__(self, num_people: int, num_items: int, width: int = 32) -> None:
        super().__init__()
        self.people, self.items = _embedding(num_people, width), _embedding(num_items + 1, width)
        self.factors_of_people, self.factors = _embedding(num_people, width), _embedding(num_items + 1, width)
        self.layers = nn.Sequential(nn.Linear(2 * width, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 32), nn.ReLU())
        self.out = nn.Linear(32 + width, 1)

    def forward(self, people: Tensor, items: Tensor) -> Tensor:
        deep = self.layers(torch.cat([self.people(people), self.items(items)], -1))
        product = self.factors_of_people(people) * self.factors(items)
        logits: Tensor = self.out(torch.cat([deep, product], -1))
        return logits.squeeze(-1)


def _embedding(count: int, width: int) -> nn.Embedding:
    embedding = nn.Embedding(count, width)
    nn.init.normal_(embedding.weight, std=0.05)
    return embedding
