"""The course of the learning rate: AdamW under a warm-up and a cosine."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler

WARM_UP = 0.06  # of the steps; then the learning rate falls along a cosine to zero
FIRST_STEP = 1e-3  # or the first step would learn nothing


def adamw_with_cosine(module: LightningModule, groups: Sequence[dict[str, Any]]) -> OptimizerLRScheduler:
    """For `configure_optimizers`: `groups` are AdamW's, each with its peak learning rate as `lr`.

    What is in none of them stays as it is.
    """
    # Lightning clips no gradients of a fused optimizer in mixed precision, since such a one may unscale them itself.
    optimizer = torch.optim.AdamW(groups, fused=not str(module.trainer.precision).endswith("mixed"))
    steps = module.trainer.estimated_stepping_batches
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_at(step / steps))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def learning_rate_at(done: float) -> float:
    """The fraction of the peak learning rate when the fraction `done` of the steps lies behind."""
    return min((done + FIRST_STEP) / WARM_UP, 0.5 * (1 + math.cos(math.pi * min(1.0, done))))
