import numpy as np
import pytest
import torch
from torch import Tensor

from training.networks.seasonal_gru import Ensemble, SeasonalGRU, TextbookRNN, pinball

HISTORY, HORIZON, SEASON, QUANTILES = 48, 18, 12, 5


@pytest.fixture
def network() -> SeasonalGRU:
    torch.manual_seed(0)
    return SeasonalGRU(HISTORY, HORIZON, SEASON, QUANTILES, width=16).eval()


@pytest.fixture
def values() -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(3, HISTORY)).astype(np.float32))


@torch.inference_mode()
def test_quantiles_of_every_step_increase(network: SeasonalGRU, values: Tensor) -> None:
    quantiles = network(values, torch.ones_like(values))
    assert quantiles.shape == (3, HORIZON, QUANTILES)
    assert (quantiles.diff(dim=-1) >= 0).all()


@torch.inference_mode()
def test_a_forecast_is_a_corrected_mean_of_simple_ones(network: SeasonalGRU, values: Tensor) -> None:
    for layer in (network.weigh, network.correct):
        layer.weight.zero_()
        layer.bias.zero_()
    known = torch.ones_like(values)
    simple = network.simple_forecasts(values, values[:, network.places], known[:, network.places])
    torch.testing.assert_close(network(values, known)[:, :, 0], simple.mean(-1), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_simple_forecasts_go_on_with_a_season_and_a_trend(network: SeasonalGRU) -> None:
    months = torch.arange(HISTORY + HORIZON)
    season, trend = (months % 12).float(), months.float()

    def simple(series: Tensor) -> Tensor:
        values = series[None, :HISTORY]
        return network.simple_forecasts(values, values[:, network.places], torch.ones(1, HORIZON, 4))[0]

    again, mean, now, recent, *with_change = simple(season).T
    for forecast in (again, mean, *with_change):
        torch.testing.assert_close(forecast, season[HISTORY:])
    assert (now == season[HISTORY - 1]).all()
    assert (recent == season[HISTORY - 3 : HISTORY].mean()).all()
    by_year = simple(season + trend)[:, -1]
    torch.testing.assert_close(by_year, (season + trend)[HISTORY:])


@torch.inference_mode()
def test_a_row_is_answered_alike_in_any_batch(network: SeasonalGRU, values: Tensor) -> None:
    known = torch.ones_like(values)
    for i in range(3):
        alone = network(values[i : i + 1], known[i : i + 1])
        torch.testing.assert_close(alone[0], network(values, known)[i], rtol=0, atol=1e-5)


@torch.inference_mode()
def test_every_known_value_counts(network: SeasonalGRU, values: Tensor) -> None:
    known = torch.ones_like(values)
    before = network(values[:1], known[:1])
    for month in range(HISTORY):
        changed = values[:1].clone()
        changed[:, month] += 1
        assert (network(changed, known[:1]) - before).abs().max() > 1e-6


@torch.inference_mode()
def test_an_ensemble_answers_the_mean_of_its_members(values: Tensor) -> None:
    members = [TextbookRNN(HORIZON, width=8) for _ in range(3)]
    known = torch.ones_like(values)
    expected = sum(member(values, known) for member in members) / 3
    torch.testing.assert_close(Ensemble(members)(values, known), expected, rtol=0, atol=1e-6)
    assert Ensemble(members).each(values, known).shape == (3, 3, HORIZON, 1)


def test_the_pinball_loss_is_least_at_the_quantile() -> None:
    following = torch.arange(101.0)[:, None]
    candidates = torch.arange(101.0)
    for probability in (0.1, 0.5, 0.9):
        losses = [pinball(torch.full((101, 1, 1), float(one)), following, [probability]).mean() for one in candidates]
        assert int(torch.stack(losses).argmin()) == pytest.approx(100 * probability, abs=1)


def test_the_pinball_loss_of_a_value_is_that_computed_by_hand() -> None:
    loss = pinball(torch.tensor([[[1.0, 4.0]]]), torch.tensor([[3.0]]), [0.1, 0.9])
    assert loss.item() == pytest.approx((0.1 * 2 + 0.1 * 1) / 2)
