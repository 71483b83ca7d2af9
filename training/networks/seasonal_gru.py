"""Forecasting networks: a recurrent summary of the past, then quantiles of every value to come.

Quantiles by the pinball loss: Koenker & Bassett, "Regression Quantiles", Econometrica 1978. All steps at once after one
recurrent network: Wen et al., "A Multi-Horizon Quantile Recurrent Forecaster", 2017, https://arxiv.org/abs/1711.11053.
Forecasts as a mean of simpler ones: Bates & Granger, "The Combination of Forecasts", 1969. Quantiles that would cross
are sorted: Chernozhukov, Fernández-Val & Galichon, "Quantile and Probability Curves Without Crossing", 2010.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

SEASONS_BACK = 4  # how often the head looks at the same place of the season
SIMPLE = 7  # forecasts that need no learning
RECENT = 3  # values whose mean is taken for the level of now


class SeasonalGRU(nn.Module):
    """`values` and `is_known` fp32 [batch, history] to `quantiles` fp32 [batch, horizon, quantiles], increasing.

    A GRU reads one season a step: as many times fewer steps than values, and a pattern of the season is one input. For
    each step ahead a head, shared by all steps, weighs simple forecasts by the GRU's state and the same place in the
    seasons before, and corrects their mean for each quantile. `history` is a multiple of `season`, and of at least two.
    """

    def __init__(
        self, history: int, horizon: int, season: int, quantiles: int, width: int = 64, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.season = season
        step = torch.arange(1, horizon + 1)
        ago = (step - 1) // season + 1
        self.ago: Tensor  # how many seasons before each step the newest same place is [horizon]
        self.register_buffer("ago", ago.float(), persistent=False)
        self.places: Tensor  # of the same place in the seasons before each step [horizon, SEASONS_BACK]
        places = history - 1 + step[:, None] - season * (ago[:, None] + torch.arange(SEASONS_BACK))
        self.register_buffer("places", places, persistent=False)
        self.gru = nn.GRU(3 * season, width, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.from_state = nn.Linear(width, width)
        self.from_seen = nn.Linear(2 * SEASONS_BACK + SIMPLE, width)
        self.from_step = nn.Parameter(torch.zeros(horizon, width))
        self.head = nn.Sequential(nn.GELU(), nn.Dropout(dropout), nn.Linear(width, width), nn.GELU())
        self.weigh = nn.Linear(width, SIMPLE)
        self.correct = nn.Linear(width, quantiles)

    def forward(self, values: Tensor, is_known: Tensor) -> Tensor:
        state = self._read(values, is_known)
        same, is_same = values[:, self.places], is_known[:, self.places]
        simple, newest = self.simple_forecasts(values, same, is_same), values[:, -1, None, None]
        seen = torch.cat([(same - newest) * is_same, is_same, simple - newest], -1)
        found = self.head(self.from_state(self.dropout(state)).unsqueeze(1) + self.from_seen(seen) + self.from_step)
        mean = (torch.softmax(self.weigh(found), -1) * simple).sum(-1, keepdim=True)
        quantiles: Tensor = mean + self.correct(found)
        return quantiles.sort(-1).values

    def simple_forecasts(self, values: Tensor, same: Tensor, is_same: Tensor) -> Tensor:
        """Return simple forecasts: the same again, as now, the same plus a change; [batch, horizon, SIMPLE]."""
        season = self.season
        a_season_ago = same[:, :, 0]
        before = torch.where(is_same[:, :, 1] > 0, same[:, :, 1], a_season_ago)
        now, recent, year = values[:, -1:], values[:, -RECENT:].mean(1, True), values[:, -season:].mean(1, True)
        now_then = values[:, -season - 1, None]
        recent_then = values[:, -season - RECENT : -season].mean(1, True)
        year_then = values[:, -2 * season : -season].mean(1, True)
        forecasts = (
            a_season_ago,
            (a_season_ago + before) / 2,
            now.expand_as(a_season_ago),
            recent.expand_as(a_season_ago),
            a_season_ago + now - now_then,
            a_season_ago + recent - recent_then,
            a_season_ago + (year - year_then) * self.ago,
        )
        assert len(forecasts) == SIMPLE
        return torch.stack(forecasts, -1)

    def _read(self, values: Tensor, is_known: Tensor) -> Tensor:
        """The GRU's last state, of values, what is known, and the change since the season before."""
        by_season = (-1, values.shape[1] // self.season, self.season)
        seasons, are_known = values.reshape(by_season), is_known.reshape(by_season)
        change = (seasons[:, 1:] - seasons[:, :-1]) * are_known[:, 1:] * are_known[:, :-1]
        change = torch.cat([torch.zeros_like(seasons[:, :1]), change], 1)
        states: Tensor = self.gru(torch.cat([seasons, are_known, change], -1))[0]
        return states[:, -1]


class TextbookRNN(nn.Module):
    """The introductory network: one recurrent layer, one linear layer, a value for each step [batch, horizon, 1]."""

    def __init__(self, horizon: int, width: int = 64) -> None:
        super().__init__()
        self.rnn = nn.RNN(1, width, batch_first=True)
        self.head = nn.Linear(width, horizon)

    def forward(self, values: Tensor, is_known: Tensor) -> Tensor:
        steps: Tensor = self.head(self.rnn(values.unsqueeze(-1))[0][:, -1])
        return steps.unsqueeze(-1)


class Ensemble(nn.Module):
    """Networks that answer alike. `each` has the answers of all, [members, batch, …]; the answer is their mean.

    The mean of increasing quantiles increases, and it averages out what chance did to each network.
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
