"""Forecasting networks: a recurrent summary of the past, then quantiles of every value to come.

Quantiles by the pinball loss: Koenker & Bassett, "Regression Quantiles", Econometrica 1978. All steps at once after one
recurrent network: Wen et al., "A Multi-Horizon Quantile Recurrent Forecaster", 2017, https://arxiv.org/abs/1711.11053.
Quantiles that would cross are sorted: Chernozhukov, Fernández-Val & Galichon, "Quantile and Probability Curves Without
Crossing", Econometrica 2010.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

SEASONS_BACK = 4  # how often the head looks at the same place of the season


class SeasonalGRU(nn.Module):
    """`values` and `is_known` fp32 [batch, history] to `quantiles` fp32 [batch, horizon, quantiles], increasing.

    A GRU reads one season a step: twelve times fewer steps than values, and a pattern of the season is one input. For
    each step ahead a head, shared by all steps, corrects "as a season ago" by what it makes of the GRU's state and of the
    same place in the seasons before. `history` must be a multiple of `season`.
    """

    def __init__(
        self, history: int, horizon: int, season: int, quantiles: int, width: int = 128, dropout: float = 0.1
    ) -> None:
        super().__init__()
        self.season = season
        step = torch.arange(1, horizon + 1)
        seasons = ((step - 1) // season + 1)[:, None] + torch.arange(SEASONS_BACK)
        self.places: Tensor  # of the same place in the seasons before each step [horizon, SEASONS_BACK]
        self.register_buffer("places", history - 1 + step[:, None] - season * seasons, persistent=False)
        self.gru = nn.GRU(3 * season, width, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.from_state = nn.Linear(width, width)
        self.from_places = nn.Linear(2 * SEASONS_BACK + 1, width)
        self.from_step = nn.Parameter(torch.zeros(horizon, width))
        self.head = nn.Sequential(
            nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width), nn.GELU(), nn.Linear(width, quantiles)
        )

    def forward(self, values: Tensor, is_known: Tensor) -> Tensor:
        state = self._read(values.unflatten(-1, (-1, self.season)), is_known.unflatten(-1, (-1, self.season)))
        same, is_same = values[:, self.places], is_known[:, self.places]
        a_season_ago = same[:, :, :1]
        seen = torch.cat([(same - a_season_ago) * is_same, is_same, a_season_ago - values[:, -1:, None]], -1)
        found = self.from_state(self.dropout(state)).unsqueeze(1) + self.from_places(seen) + self.from_step
        return (a_season_ago + self.head(found)).sort(-1).values

    def _read(self, seasons: Tensor, are_known: Tensor) -> Tensor:
        """The GRU's last state, of values, what is known, and the change since the season before."""
        change = (seasons[:, 1:] - seasons[:, :-1]) * are_known[:, 1:] * are_known[:, :-1]
        change = torch.cat([torch.zeros_like(seasons[:, :1]), change], 1)
        states: Tensor = self.gru(torch.cat([seasons, are_known, change], -1))[0]
        return states[:, -1]


class TextbookRNN(nn.Module):
    """One recurrent layer and one linear layer, to one value a step [batch, horizon, 1]: every introduction's forecaster."""

    def __init__(self, horizon: int, width: int = 128) -> None:
        super().__init__()
        self.rnn = nn.RNN(1, width, batch_first=True)
        self.head = nn.Linear(width, horizon)

    def forward(self, values: Tensor, is_known: Tensor) -> Tensor:
        steps: Tensor = self.head(self.rnn(values.unsqueeze(-1))[0][:, -1])
        return steps.unsqueeze(-1)


class Ensemble(nn.Module):
    """Networks that answer alike. `each` has the answers of all, [members, batch, …]; the answer is their mean.

    The mean of increasing quantiles increases. A mean of few errs less than one, for it averages what chance did to each.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def each(self, values: Tensor, is_known: Tensor) -> Tensor:
        return torch.stack([member(values, is_known) for member in self.members])

    def forward(self, values: Tensor, is_known: Tensor) -> Tensor:
        return self.each(values, is_known).mean(0)


def pinball(quantiles: Tensor, following: Tensor, probabilities: Sequence[float]) -> Tensor:
    """The loss of `quantiles` […, horizon, probabilities] for each step […, horizon], a mean over the probabilities."""
    probability = quantiles.new_tensor(probabilities)
    above = following.unsqueeze(-1) - quantiles
    return torch.maximum(probability * above, (probability - 1) * above).mean(-1)
