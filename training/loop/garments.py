"""A network learns to tell garments apart, supervised."""

import torch
import torch.nn.functional as F
from lightning import Callback, LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torchmetrics.classification import MulticlassAccuracy

from training.data.fashion_mnist import LABELS
from training.loop.augmentation import erased, mirrored, shifted
from training.loop.averaging import FinalAverage
from training.networks.garment_classifier import normalised

# Common values, not searched for.
LEARNING_RATE, WEIGHT_DECAY, SMOOTHING = 0.2, 5e-4, 0.1
MOMENTUM, WARM_UP = 0.9, 0.2  # the second is a fraction of the steps
SHIFT, ERASED = 2, 0.5


class GarmentTraining(LightningModule):
    """Supervised, on pictures that are changed anew each time they are seen."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._accuracy = MulticlassAccuracy(len(LABELS), average="micro")

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        pixels, classes = batch
        changed = erased(shifted(mirrored(pixels), SHIFT), ERASED)
        loss = F.cross_entropy(self.network(normalised(changed)).float(), classes, label_smoothing=SMOOTHING)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        pixels, classes = batch
        logits = self.network(normalised(pixels)).float()
        self.log("validation_loss", F.cross_entropy(logits, classes))
        self._accuracy(logits, classes)
        self.log("validation_accuracy", self._accuracy)

    def configure_callbacks(self) -> list[Callback]:
        return [FinalAverage()]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = torch.optim.SGD(
            self.network.parameters(), LEARNING_RATE, momentum=MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY
        )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=WARM_UP)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
