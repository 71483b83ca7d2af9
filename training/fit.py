"""Train a LightningModule so that it can be interrupted, resumed and spread over processes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lightning import LightningModule
from torch.utils.data import DataLoader

from training.recipe import Run


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """What was logged in each epoch: metric name to value, the epoch itself as "epoch"."""

    rows: tuple[Mapping[str, float], ...] = ()


def fit(
    module: LightningModule,
    train: DataLoader[Any],
    run: Run,
    *,
    epochs: int,
    name: str = "fit",
    validation: DataLoader[Any] | None = None,
    monitor: str | None = None,
    mode: Literal["min", "max"] = "min",
    patience: int | None = None,
    clip: float | None = 1.0,
) -> LearningCurve:
    """Train `module` in place; afterwards it holds its best weights by `monitor`, or its last, in eval mode on the CPU.

    Checkpoints and a CSV log go to `run.workdir / name`. With `run.resume` it goes on from the last checkpoint, and a
    fit that had finished only reloads its result.
    """
    raise NotImplementedError
