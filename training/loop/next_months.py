"""Networks learn to forecast the months after a window."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.utils.data import DataLoader

from app.tensors import Array
from training.data.month_windows import CONFIG, QUANTILES, MonthWindows, batch_of, prepare
from training.data.origins import HORIZON, SEASON, ForecastOrigin
from training.loop.averaging import FinalAverage
from training.loop.fit import LearningCurve, fit
from training.loop.schedule import adamw_with_cosine
from training.networks.seasonal_gru import Ensemble, SeasonalGRU, TextbookRNN, pinball
from training.recipe import Run

Loss = Callable[[Tensor, Tensor], Tensor]
# Chosen on the validation origin, with training on what came before it.
WIDTH, DROPOUT, MEMBERS = 64, 0.2, 3
EPOCHS, BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY = 4, 256, 2e-3, 0.01
LEAST_STEPS = 120  # of 60 series alone four epochs are 30 steps, which is too early to stop
AVERAGED = 0.25  # of all steps


def _as_it_is(batch: Any) -> Any:
    return batch


class Forecaster(LightningModule):
    """`loss` takes the answers of every member and what followed, and gives the loss of each step."""

    def __init__(self, network: Ensemble, loss: Loss) -> None:
        super().__init__()
        self.network, self.loss = network, loss

    def training_step(self, batch: tuple[Tensor, ...], index: int) -> Tensor:
        values, is_known, following, weight = batch
        loss = (self.loss(self.network.each(values, is_known), following) * weight).mean(0).sum(-1).mean()
        self.log("loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(values))
        return loss

    def configure_optimizers(self) -> OptimizerLRScheduler:
        group = {"params": self.parameters(), "lr": LEARNING_RATE, "weight_decay": WEIGHT_DECAY}
        return adamw_with_cosine(self, [group])

    def configure_callbacks(self) -> list[Callback]:
        return [FinalAverage(AVERAGED)]


def pinball_loss(answers: Tensor, following: Tensor) -> Tensor:
    return pinball(answers, following, QUANTILES)


def squared_error(answers: Tensor, following: Tensor) -> Tensor:
    return (answers.squeeze(-1) - following).square()


def learn_forecaster(windows: MonthWindows, run: Run) -> tuple[Ensemble, LearningCurve]:
    num_members = 1 if run.tiny else MEMBERS
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        network = Ensemble(
            [
                SeasonalGRU(CONFIG.max_history, HORIZON, SEASON, len(QUANTILES), WIDTH, DROPOUT)
                for _ in range(num_members)
            ]
        )
    return network, _fit(network, pinball_loss, windows, run, "forecaster")


def learn_textbook_rnn(windows: MonthWindows, run: Run) -> Ensemble:
    """The baseline of every introduction, on the same windows for as many steps."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        network = Ensemble([TextbookRNN(HORIZON)])
    _fit(network, squared_error, windows, run, "textbook")
    return network


def _fit(network: Ensemble, loss: Loss, windows: MonthWindows, run: Run, name: str) -> LearningCurve:
    loader = DataLoader(windows, BATCH_SIZE, shuffle=True, collate_fn=_as_it_is)
    epochs = 1 if run.tiny else max(EPOCHS, -(-LEAST_STEPS // len(loader)))
    return fit(Forecaster(network, loss), loader, run, epochs=epochs, name=name)


@torch.inference_mode()
def answer(network: nn.Module, asked: Sequence[ForecastOrigin]) -> Array:
    """Return what the service would answer to each question, fp64 [questions, HORIZON, quantiles]."""
    prepared = [prepare(question.known) for question in asked]
    scaled = network(*(torch.from_numpy(array) for array in batch_of(asked).values())).double().numpy()
    return np.stack([scale.restore(one) for one, (_, scale) in zip(scaled, prepared, strict=True)])
