"""Final weights as an exponential average over the last steps, which are better than those of the last step alone."""

from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch.optim.swa_utils import get_ema_multi_avg_fn


class FinalAverage(WeightAveraging):
    """Average over about the fraction `share` of all steps. For `configure_callbacks`."""

    def __init__(self, share: float = 0.05) -> None:
        super().__init__(multi_avg_fn=self._blend)
        self.share = share
        self._decay = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._decay = 1 - 1 / max(1.0, self.share * trainer.estimated_stepping_batches)

    def _blend(self, average: Any, current: Any, num_averaged: Any) -> None:
        if not average[0].is_floating_point():  # such as positions: the mean of whole numbers is rounded down
            for mean, last in zip(average, current, strict=True):
                mean.copy_(last)
            return
        # Where weights are trained in another precision, their mean stays in the one that they had before.
        alike = [last.to(mean.dtype) for mean, last in zip(average, current, strict=True)]
        get_ema_multi_avg_fn(self._decay)(average, alike, num_averaged)  # type: ignore[no-untyped-call]
