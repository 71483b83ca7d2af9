"""Layers of Marian's student translators, each of which ends with what it was given, changed and normalised.

Post-norm as in Vaswani et al., "Attention Is All You Need", 2017, https://arxiv.org/abs/1706.03762; the recurrence is
that of Kim et al., "From Research to Production and Back", 2019, https://aclanthology.org/D19-5632.
"""

import torch
from torch import Tensor, nn

EPSILON = 1e-9


class EncoderLayer(nn.Module):
    def __init__(self, width: int, hidden: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.attention = Attention(width, heads, dropout)
        self.feed_forward = FeedForward(width, hidden, dropout)

    def forward(self, states: Tensor, masked: Tensor) -> Tensor:
        attended: Tensor = self.attention(states, *self.attention.keys_and_values(states), masked)
        return self.feed_forward(attended)  # type: ignore[no-any-return]


class DecoderLayer(nn.Module):
    def __init__(self, width: int, hidden: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.recurrence = Recurrence(width, dropout)
        self.attention = Attention(width, heads, dropout)
        self.feed_forward = FeedForward(width, hidden, dropout)

    def forward(self, rows: Tensor, state: Tensor, key: Tensor, value: Tensor, masked: Tensor) -> tuple[Tensor, Tensor]:
        rows, state = self.recurrence(rows, state)
        attended = self.attention(rows[:, None], key, value, masked)[:, 0]
        return self.feed_forward(attended), state

    def along(self, rows: Tensor, key: Tensor, value: Tensor, masked: Tensor) -> Tensor:
        """Of all tokens [rows, tokens, width] at once, as in training."""
        attended: Tensor = self.attention(self.recurrence.along(rows), key, value, masked)
        return self.feed_forward(attended)  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Attention to keys and values [rows, heads, tokens, size], added to its queries and normalised."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = nn.Dropout(dropout)
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))
        self.norm = nn.LayerNorm(width, EPSILON)

    def keys_and_values(self, states: Tensor) -> tuple[Tensor, Tensor]:
        return self._by_head(self.key(states)), self._by_head(self.value(states))

    def forward(self, states: Tensor, key: Tensor, value: Tensor, masked: Tensor) -> Tensor:
        scores = self._by_head(self.query(states)) @ key.mT * key.shape[-1] ** -0.5
        attended = (scores + masked).softmax(-1) @ value
        normalised: Tensor = self.norm(states + self.dropout(self.output(attended.transpose(1, 2).flatten(2))))
        return normalised

    def _by_head(self, states: Tensor) -> Tensor:
        return states.reshape(*states.shape[:2], self.heads, -1).transpose(1, 2)


class Recurrence(nn.Module):
    """SSRU: a state fades by a gate and takes in the rest of a candidate; it is added to the input and normalised."""

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.candidate = nn.Linear(width, width, bias=False)
        self.forget = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, EPSILON)
        self.dropout = nn.Dropout(dropout)

    def forward(self, rows: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        kept = self.forget(rows).sigmoid()
        state = kept * state + (1 - kept) * self.candidate(rows)
        return self.norm(rows + state.relu()), state

    def along(self, rows: Tensor) -> Tensor:
        """Of all tokens [rows, tokens, width] at once, from a state of zeros: only the fading goes token by token."""
        kept = self.forget(rows).sigmoid()
        taken = (1 - kept) * self.candidate(rows)
        states = [taken[:, 0]]
        for fading, new in zip(kept.unbind(1)[1:], taken.unbind(1)[1:], strict=True):
            states.append(torch.addcmul(new, fading, states[-1]))
        normalised: Tensor = self.norm(rows + self.dropout(torch.stack(states, 1).relu()))
        return normalised


class FeedForward(nn.Module):
    """Two linear layers, added to their input and normalised."""

    def __init__(self, width: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.widening, self.narrowing = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width, EPSILON)

    def forward(self, states: Tensor) -> Tensor:
        normalised: Tensor = self.norm(states + self.dropout(self.narrowing(self.widening(states).relu())))
        return normalised
