"""Learn to foresee the next event of a history from those before it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from lightning import Callback, LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from app.tensors import Array
from training.data.event_log import MAX_HISTORY, History, left_pad
from training.loop.averaging import FinalAverage
from training.loop.fit import LearningCurve, fit
from training.loop.schedule import adamw_with_cosine
from training.recipe import Run
from training.settings import Between, Count, Epochs, Penalty, Rate, TrainingSettings
from training.threads import threads_as_before

SHIFTS = range((MAX_HISTORY + 1) // 2, MAX_HISTORY + 1)  # of the windows before the newest, drawn in each epoch


class NextEventSettings(TrainingSettings):
    """Chosen on the five events before each person's last, without those in training; the last was read once."""

    epochs: Epochs = 40
    batch_size: Count = 128
    learning_rate: Annotated[Rate, Between(1e-3, 1e-2, in_log=True)] = 3e-3
    weight_decay: Penalty = 0.01


@contextmanager
def one_thread() -> Iterator[None]:
    """A step is too small to share: a second thread gains little, and waits for its turn where cores are busy."""
    with threads_as_before():
        torch.set_num_threads(1)
        yield


class NextEventNetwork(Protocol):
    """A network that foresees the next event: item ids to scores, by states whose product with `items` they are."""

    items: nn.Embedding

    def states(self, item_ids: Tensor) -> Tensor: ...

    def __call__(self, item_ids: Tensor) -> Tensor: ...


def fit_next_event(
    network: NextEventNetwork, histories: Sequence[History], run: Run, settings: NextEventSettings
) -> LearningCurve:
    windows = DataLoader(EventWindows(histories, run.seed), settings.batch_size, shuffle=True, collate_fn=collate)
    return fit(NextEvent(network, settings), windows, run, epochs=settings.epochs)


class NextEvent(LightningModule):
    def __init__(self, network: NextEventNetwork, settings: NextEventSettings) -> None:
        super().__init__()
        self.network, self.settings = network, settings
        # Scores of a few events at a time, which fit into the cache.
        self.chunks = torch.nn.LinearCrossEntropyOptions()

    def training_step(self, windows: Tensor) -> Tensor:
        given, following = windows[:, :-1], windows[:, 1:]
        is_event = given != 0
        states = self.network.states(given)[is_event]
        if len(states):
            loss = F.linear_cross_entropy(states, self.network.items.weight, following[is_event], options=self.chunks)
        else:
            loss = states.sum()  # zero; of no event the mean would be nan, and so that of the epoch
        self.log("loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(windows))
        return loss

    def configure_optimizers(self) -> OptimizerLRScheduler:
        rate, decay = self.settings.learning_rate, self.settings.weight_decay
        return adamw_with_cosine(self, [{"params": self.parameters(), "lr": rate, "weight_decay": decay}])

    def configure_callbacks(self) -> list[Callback]:
        return [FinalAverage()]


class EventWindows(Dataset[History]):
    """Histories as windows of MAX_HISTORY + 1 events, cut anew in each epoch.

    A history has as many places as it may need; one that is not needed this time holds an empty window.
    """

    def __init__(self, histories: Sequence[History], seed: int) -> None:
        self.histories = histories
        self.seed = seed
        self.places = [len(cut(history, SHIFTS.start)) for history in histories]
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        random = np.random.default_rng([self.seed, epoch])
        shifts = random.integers(SHIFTS.start, SHIFTS.stop, len(self.histories))
        self.windows: list[History] = []
        for history, places, shift in zip(self.histories, self.places, shifts, strict=True):
            parts = cut(history, int(shift))
            self.windows += parts + [[]] * (places - len(parts))

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int) -> History:
        return self.windows[index]


def cut(history: History, shift: int) -> list[History]:
    """The newest window, and older ones back to the beginning, the first of which ends `shift` before the end."""
    size = MAX_HISTORY + 1
    return [
        history[-size:],
        *(history[max(0, stop - size) : stop] for stop in range(len(history) - shift, 1, -MAX_HISTORY)),
    ]


def collate(windows: Sequence[History]) -> Tensor:
    return torch.from_numpy(left_pad(windows, MAX_HISTORY + 1))


@torch.inference_mode()
def score(network: nn.Module, histories: Sequence[History]) -> Array:
    scores: Array = network(torch.from_numpy(left_pad(histories, MAX_HISTORY))).numpy()
    return scores
