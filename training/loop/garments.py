"""A network learns to tell garments apart, supervised."""

from typing import Annotated

import torch
import torch.nn.functional as F
from lightning import Callback, LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from pydantic import Field
from torch import Tensor, nn
from torchmetrics.classification import MulticlassAccuracy

from training.data.fashion_mnist import LABELS
from training.loop.augmentation import erased, mirrored, shifted
from training.loop.averaging import FinalAverage
from training.networks.garment_classifier import normalised
from training.settings import Between, Count, Epochs, Penalty, Rate, Share, TrainingSettings

MOMENTUM = 0.9


class GarmentSettings(TrainingSettings):
    """`warm_up`: a fraction of the steps; `shift`: pixels a picture is moved at most; `erased`: how often a part is.

    Common values, not searched for.
    """

    epochs: Epochs = 36
    batch_size: Count = 256
    learning_rate: Annotated[Rate, Between(0.03, 1, in_log=True)] = 0.2
    weight_decay: Annotated[Penalty, Between(1e-5, 5e-3, in_log=True)] = 5e-4
    smoothing: Annotated[Share, Between(0, 0.2)] = 0.1
    warm_up: Annotated[Share, Field(gt=0)] = 0.2
    shift: Annotated[int, Field(ge=0, le=14)] = 2
    erased: Annotated[Share, Between(0, 0.8)] = 0.5


class GarmentTraining(LightningModule):
    """Supervised, on pictures that are changed anew each time they are seen."""

    def __init__(self, network: nn.Module, settings: GarmentSettings) -> None:
        super().__init__()
        self.settings = settings
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._accuracy = MulticlassAccuracy(len(LABELS), average="micro")

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        pixels, classes = batch
        changed = erased(shifted(mirrored(pixels), self.settings.shift), self.settings.erased)
        logits = self.network(normalised(changed)).float()
        loss = F.cross_entropy(logits, classes, label_smoothing=self.settings.smoothing)
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
        rate, decay = self.settings.learning_rate, self.settings.weight_decay
        optimizer = torch.optim.SGD(
            self.network.parameters(), rate, momentum=MOMENTUM, nesterov=True, weight_decay=decay
        )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, rate, total_steps=steps, pct_start=self.settings.warm_up
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
