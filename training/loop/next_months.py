"""Networks learn to forecast the months after a window."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from lightning import Callback, LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from pydantic import Field
from torch import Tensor, nn
from torch.utils.data import DataLoader

from app.tensors import Array
from training.data.collected_series import Collected
from training.data.month_windows import CONFIG, MIDDLE, QUANTILES, MonthWindows, batch_of, prepare
from training.data.origins import HORIZON, SEASON, ForecastOrigin, questions
from training.errors import TrainingError
from training.loop.averaging import FinalAverage
from training.loop.fit import LearningCurve, fit
from training.loop.schedule import adamw_with_cosine
from training.measures.forecasting import mase
from training.networks.seasonal_gru import Ensemble, SeasonalGRU, TextbookRNN, pinball
from training.recipe import Run
from training.settings import Between, Count, Epochs, Penalty, Rate, Share, TrainingSettings

Loss = Callable[[Tensor, Tensor], Tensor]
AVERAGED = 0.25  # of all steps


class NextMonthsSettings(TrainingSettings):
    """`members`: networks whose mean it is; `least_steps`: of few series more epochs are read, so as to reach them.

    Chosen on the validation origin, with training on what came before it.
    """

    epochs: Epochs = 4
    least_steps: Count = 120
    batch_size: Count = 256
    learning_rate: Annotated[Rate, Between(3e-4, 1e-2, in_log=True)] = 2e-3
    weight_decay: Annotated[Penalty, Between(0, 0.1)] = 0.01
    width: Annotated[int, Field(ge=1, le=4096), Between(16, 128, in_log=True)] = 64
    dropout: Annotated[Share, Between(0, 0.5)] = 0.2
    members: Annotated[int, Field(ge=1, le=64)] = 3


SETTINGS = NextMonthsSettings()
TINY = SETTINGS.model_copy(update={"epochs": 1, "least_steps": 1, "members": 1})


def _as_it_is(batch: Any) -> Any:
    return batch


class Forecaster(LightningModule):
    """`loss` takes the answers of every member and what followed, and gives the loss of each step."""

    def __init__(self, network: Ensemble, loss: Loss, settings: NextMonthsSettings) -> None:
        super().__init__()
        self.network, self.loss, self.settings = network, loss, settings

    def training_step(self, batch: tuple[Tensor, ...], index: int) -> Tensor:
        values, is_known, following, weight = batch
        loss = (self.loss(self.network.each(values, is_known), following) * weight).mean(0).sum(-1).mean()
        self.log("loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(values))
        return loss

    def configure_optimizers(self) -> OptimizerLRScheduler:
        rate, decay = self.settings.learning_rate, self.settings.weight_decay
        return adamw_with_cosine(self, [{"params": self.parameters(), "lr": rate, "weight_decay": decay}])

    def configure_callbacks(self) -> list[Callback]:
        return [FinalAverage(AVERAGED)]


def pinball_loss(answers: Tensor, following: Tensor) -> Tensor:
    return pinball(answers, following, QUANTILES)


def squared_error(answers: Tensor, following: Tensor) -> Tensor:
    return (answers.squeeze(-1) - following).square()


def learn_forecaster(windows: MonthWindows, run: Run) -> tuple[Ensemble, LearningCurve]:
    settings = run.chosen(SETTINGS, TINY)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        network = Ensemble(
            [
                SeasonalGRU(CONFIG.max_history, HORIZON, SEASON, len(QUANTILES), settings.width, settings.dropout)
                for _ in range(settings.members)
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
    settings = run.chosen(SETTINGS, TINY)
    loader = DataLoader(windows, settings.batch_size, shuffle=True, collate_fn=_as_it_is)
    epochs = max(settings.epochs, -(-settings.least_steps // len(loader)))
    return fit(Forecaster(network, loss, settings), loader, run, epochs=epochs, name=name)


def validation_error(collected: Collected, run: Run) -> float:
    """MASE of the months before the test, as told by what was learned of those before them. Raises TrainingError."""
    histories = [one.learned for one in collected.series if len(one.learned) >= CONFIG.min_history + HORIZON]
    if not histories:
        raise TrainingError(f"--search: no series has {CONFIG.min_history + HORIZON} months before its test")
    network, _ = learn_forecaster(MonthWindows([one[:-HORIZON] for one in histories], run.seed), run)
    asked = [question for question in questions(histories, [HORIZON]) if question.naive_error]
    return float(mase(answer(network, asked)[..., MIDDLE], asked).mean())


@torch.inference_mode()
def answer(network: nn.Module, asked: Sequence[ForecastOrigin]) -> Array:
    """Return what the service would answer to each question, fp64 [questions, HORIZON, quantiles]."""
    prepared = [prepare(question.known) for question in asked]
    scaled = network(*(torch.from_numpy(array) for array in batch_of(asked).values())).double().numpy()
    return np.stack([scale.restore(one) for one, (_, scale) in zip(scaled, prepared, strict=True)])
