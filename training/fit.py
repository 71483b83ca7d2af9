"""A plain training loop, for networks that one machine trains in minutes."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

WARM_UP = 0.06  # of the steps; then the learning rate falls along a cosine to zero
LARGEST_GRADIENT = 1.0  # norm over all parameters
Batch = TypeVar("Batch")


def fit(
    network: nn.Module,
    batches: Sequence[Batch],
    loss: Callable[[Batch], Tensor],
    groups: Sequence[dict[str, Any]],
    *,
    averaged: float = 0.05,
) -> None:
    """Train with one step of AdamW for each of `batches` and leave `network` in evaluation mode.

    `groups` are the optimizer's, each with its peak learning rate as `lr`; what is in none of them stays as it is.
    The final weights are an exponential average over about the fraction `averaged` of the steps.
    """
    optimizer = torch.optim.AdamW(groups, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate_at(step / len(batches)))
    decay = 1 - 1 / max(1.0, averaged * len(batches))
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]
    network.train()
    smooth = math.nan
    with tqdm(batches, unit="step", mininterval=1.0) as bar:
        for batch in bar:
            current = loss(batch)
            optimizer.zero_grad()
            current.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
            optimizer.step()
            schedule.step()
            average.update_parameters(network)
            smooth = current.item() if math.isnan(smooth) else 0.98 * smooth + 0.02 * current.item()
            bar.set_postfix(loss=f"{smooth:.4f}", refresh=False)
    network.load_state_dict(average.module.state_dict())
    network.eval()


def learning_rate_at(done: float) -> float:
    """The fraction of the peak learning rate when the fraction `done` of the steps lies behind."""
    return min((done + 1e-3) / WARM_UP, 0.5 * (1 + math.cos(math.pi * min(1.0, done))))
