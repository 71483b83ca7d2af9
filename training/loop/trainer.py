"""Lightning's trainer, as every training here has it."""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from lightning import Callback, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from training.errors import TrainingError
from training.recipe import Run


def trainer_of(
    run: Run, folder: Path, epochs: int, clip: float | None, callbacks: Sequence[Callback], *, takes_turns: bool
) -> Trainer:
    on_gpu = torch.cuda.is_available()
    is_shared = run.devices * run.nodes > 1
    # Where optimizers take turns, each leaves the weights of the other without gradients.
    shared = "ddp_spawn_find_unused_parameters_true" if takes_turns else "ddp_spawn"
    return Trainer(
        accelerator="cuda" if on_gpu else "cpu",  # "auto" would take Apple's GPU, which lacks operators
        # Spawned processes only train; started as scripts they would each judge, export and publish as well.
        strategy=shared if is_shared else "auto",
        devices=run.devices,
        num_nodes=run.nodes,
        precision=run.precision,  # type: ignore[arg-type]
        max_epochs=epochs,
        gradient_clip_val=clip,
        callbacks=list(callbacks),
        sync_batchnorm=is_shared and on_gpu,
        use_distributed_sampler=False,  # EpochBatches shares without repeating a sample
        logger=_tensorboard(folder) if run.tensorboard else False,
        enable_progress_bar=sys.stdout.isatty(),  # a log gets a line for each epoch instead
        num_sanity_val_steps=0,
        enable_model_summary=False,
        default_root_dir=run.workdir,
    )


def _tensorboard(folder: Path) -> TensorBoardLogger:
    """Writes into `folder`, of which `tensorboard --logdir` shows all that lie in one. Raises TrainingError."""
    try:
        return TensorBoardLogger(folder, name="", version="tensorboard")
    except ModuleNotFoundError as error:
        raise TrainingError("--tensorboard needs it: .venv/bin/pip install -e '.[search]'") from error
