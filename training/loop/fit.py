"""Train a LightningModule so that it can be interrupted, resumed and spread over processes."""

import csv
import logging
import os
import shutil
import signal
import sys
import time
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import torch
from lightning import Callback, LightningDataModule, LightningModule, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException
from torch.utils.data import DataLoader, IterableDataset

from training.errors import TrainingError, first_line, progress
from training.loop.batches import EpochBatches
from training.loop.trainer import trainer_of
from training.recipe import FULL_PRECISION, Run
from training.seeds import seed_generators

SAVE_EVERY = timedelta(minutes=1)  # of an epoch that takes longer; what an interruption may cost
RESULT_WITHIN_S = 300  # of node 0, which writes it after the last step, on a disk that all nodes share
LOOK_EVERY_S = 0.2  # whether node 0 has written its result
LIGHTNING = "lightning.pytorch"
LAST, BEST, RESULT, CURVE = "last", "best", "result.pt", "metrics.csv"

Row = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """The log of each epoch: metric name to value, the epoch itself as "epoch"."""

    rows: tuple[Row, ...] = ()

    def last(self, name: str) -> float:
        return self.rows[-1][name]

    def least(self, name: str) -> float:
        return min(row[name] for row in self.rows)


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
    fit that had finished only reloads its result. What a resumed fit learns is what it would have learned at once.
    With several processes each takes its share of every batch, so that one step means the same on any number of them;
    then `module` and both loaders must be picklable, and everybody sees all of `validation`. Raises TrainingError.
    """
    folder = run.workdir / name if run.nodes == 1 else run.workdir.parent / name  # which all nodes see
    if not run.resume and run.node == 0:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    if not (run.resume and (folder / RESULT).exists()):
        _check(train, run)
        last = ModelCheckpoint(
            folder, LAST, every_n_epochs=1, save_on_train_epoch_end=True, enable_version_counter=False
        )
        timed = ModelCheckpoint(folder, LAST, train_time_interval=SAVE_EVERY, enable_version_counter=False)
        callbacks: list[Callback] = [Steps(run.seed), Rows(folder / CURVE), last, timed]
        if monitor:
            best = ModelCheckpoint(
                folder, BEST, monitor=monitor, mode=mode, save_on_train_epoch_end=True, enable_version_counter=False
            )
            callbacks.insert(2, best)  # before the last, or an interruption between the two would lose it
        if monitor and patience is not None:
            callbacks.append(EarlyStopping(monitor, mode=mode, patience=patience))
        if sys.stdout.isatty():
            callbacks.append(TQDMProgressBar())
        checkpoint = folder / f"{LAST}.ckpt"
        resumed = checkpoint if run.resume and checkpoint.exists() else None
        if resumed:
            progress(f"{name}: going on from {resumed}")
        with _quiet(), _precise(run):
            trainer = trainer_of(run, folder, epochs, clip, callbacks, takes_turns=not module.automatic_optimization)
            with _interruptible(trainer):
                loaders = Loaders(train, validation, run.seed)
                trainer.fit(module, datamodule=loaders, ckpt_path=resumed, weights_only=True)
        if run.node == 0:
            _finish(folder, BEST if monitor else LAST)
        else:
            _wait_for(folder / RESULT)
    result = torch.load(folder / RESULT, map_location="cpu", weights_only=True)
    module.cpu().float().eval()  # a true precision leaves its own type
    module.load_state_dict(result["weights"])
    seed_generators(run.seed, zlib.crc32(name.encode()))  # or what is drawn next would tell whether it was resumed
    return LearningCurve(tuple(result["rows"]))


def _check(train: DataLoader[Any], run: Run) -> None:
    if run.devices * run.nodes > 1 and isinstance(train.dataset, IterableDataset):
        raise TrainingError("an iterable data set has no indices to share among processes: train it on one device")
    if torch.cuda.is_available() and run.devices > torch.cuda.device_count():
        raise TrainingError(f"--devices {run.devices}: this machine has {torch.cuda.device_count()}")


class Loaders(LightningDataModule):
    """Both loaders, as the process that asks is to see them."""

    def __init__(self, train: DataLoader[Any], validation: DataLoader[Any] | None, seed: int) -> None:
        super().__init__()
        self.train, self.validation, self.seed = train, validation, seed

    def setup(self, stage: str) -> None:
        _silence()  # for the processes that were spawned

    def train_dataloader(self) -> EpochBatches:
        assert self.trainer
        return EpochBatches(self.train, self.trainer, self.seed)

    def val_dataloader(self) -> DataLoader[Any] | list[DataLoader[Any]]:
        # Not shared: a mean over shares of different size would not be the mean.
        return self.validation or []


class Steps(Callback):
    """A resumed run goes on with the next batch, and with the random numbers that it would have drawn."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.position: tuple[int, int] | None = None

    # Not the state of the loader, in Lightning's sense: that is not restored where the optimizer asks for the number of
    # steps, since the loader is then made first.
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.position:
            epoch_batches(trainer).go_on_from(self.position)
        self._seed(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._seed(trainer)

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        self._seed(trainer, has_batch=True)

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.position = epoch_batches(trainer).position
        self._seed(trainer)

    def _seed(self, trainer: Trainer, has_batch: bool = False) -> None:
        seed_generators(self.seed, trainer.global_step, trainer.global_rank, has_batch)

    def state_dict(self) -> dict[str, Any]:
        return {"position": self.position}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.position = state_dict["position"]


def epoch_batches(trainer: Trainer) -> EpochBatches:
    loader = trainer.train_dataloader
    assert isinstance(loader, EpochBatches)
    return loader


class Rows(Callback):
    """Keeps what was logged in each epoch, in the checkpoint and as a CSV file for whoever watches."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.rows.append({"epoch": trainer.current_epoch + 1, **logged})
        if trainer.is_global_zero:
            if not sys.stdout.isatty():
                values = ", ".join(f"{name} {value:.4g}" for name, value in logged.items())
                progress(f"  epoch {trainer.current_epoch + 1} of {trainer.max_epochs}: {values}")
            with self.path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(dict.fromkeys(name for row in self.rows for name in row)))
                writer.writeheader()
                writer.writerows(self.rows)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])


def _finish(folder: Path, chosen: str) -> None:
    """Keep the rest of a finished fit: the chosen weights and the curve, all or nothing."""
    last = torch.load(folder / f"{LAST}.ckpt", map_location="cpu", weights_only=True)
    kept = last if chosen == LAST else torch.load(folder / f"{chosen}.ckpt", map_location="cpu", weights_only=True)
    result = {"weights": kept["state_dict"], "rows": last["callbacks"][Rows.__qualname__]["rows"]}
    content = BytesIO()
    torch.save(result, content)
    (folder / f".{RESULT}").write_bytes(content.getvalue())  # a full disk is an OSError here, and not in torch.save
    os.replace(folder / f".{RESULT}", folder / RESULT)
    for checkpoint in folder.glob("*.ckpt"):
        checkpoint.unlink()


def _wait_for(result: Path) -> None:
    """Node 0 writes it after the last step."""
    end = time.monotonic() + RESULT_WITHIN_S
    while not result.exists():
        if time.monotonic() > end:
            raise TrainingError(f"node 0 left no {result}; is this folder shared by all nodes?")
        time.sleep(LOOK_EVERY_S)


@contextmanager
def _interruptible(trainer: Trainer) -> Iterator[None]:
    """Lightning answers an interruption with a bare exit, and a worker's end with its traceback."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except SystemExit as stopped:
        for process in getattr(trainer.strategy.launcher, "procs", ()):
            process.kill()  # or leaving would wait for them
        raise KeyboardInterrupt from stopped
    except (ProcessRaisedException, ProcessExitedException) as error:
        reason = str(error).strip().splitlines()[-1]
        raise TrainingError(f"a training process ended: {reason}") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _precise(run: Run) -> Iterator[None]:
    """A precision that Lightning, or a layer of this recipe, does not take is a sentence."""
    try:
        yield
    except (RuntimeError, TypeError, ValueError, MisconfigurationException) as error:
        if run.precision == FULL_PRECISION:
            raise
        raise TrainingError(f"--precision {run.precision} does not do for this recipe: {first_line(error)}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    level = logging.getLogger(LIGHTNING).level
    try:
        with warnings.catch_warnings():
            _silence()
            yield
    finally:
        logging.getLogger(LIGHTNING).setLevel(level)


def _silence() -> None:
    """No advice about workers, logging intervals and products."""
    logging.getLogger(LIGHTNING).setLevel(logging.WARNING)
    warnings.simplefilter("ignore")
