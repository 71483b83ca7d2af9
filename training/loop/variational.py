"""A variational autoencoder learns pictures."""

from typing import Annotated

import torch
from lightning import Callback, LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from pydantic import Field
from torch import Tensor

from training.data.fashion_mnist import LABELS, Pictures, loader
from training.loop.augmentation import mirrored
from training.loop.averaging import FinalAverage
from training.loop.schedule import adamw_with_cosine
from training.measures.likelihood import PIXELS, bits_per_pixel, dequantised
from training.networks.picture_vae import PictureVAE
from training.seeds import seeded
from training.settings import Between, Count, Epochs, Penalty, Rate, TrainingSettings

AT_ONCE = 256  # pictures that are looked at together after training


class VariationalSettings(TrainingSettings):
    """`latent`: numbers that a picture becomes."""

    epochs: Epochs = 12
    batch_size: Count = 256
    learning_rate: Annotated[Rate, Between(3e-4, 1e-2, in_log=True)] = 3e-3
    weight_decay: Annotated[Penalty, Between(0, 0.1)] = 0.01
    latent: Annotated[int, Field(ge=1, le=1024), Between(4, 32)] = 16


class VariationalTraining(LightningModule):
    """Raises the evidence lower bound."""

    def __init__(self, network: PictureVAE, settings: VariationalSettings) -> None:
        super().__init__()
        self.settings = settings
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        pixels, classes = batch
        bound: Tensor = self.network(dequantised(mirrored(pixels)), classes).mean()
        self.log("train_bits_per_pixel", bits_per_pixel(bound), on_step=False, on_epoch=True)
        return -bound / PIXELS

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        pixels, classes = batch
        self.log("validation_bits_per_pixel", bits_per_pixel(self.network(dequantised(pixels), classes).mean()))

    def configure_callbacks(self) -> list[Callback]:
        return [FinalAverage()]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        rate, decay = self.settings.learning_rate, self.settings.weight_decay
        return adamw_with_cosine(self, [{"params": self.network.parameters(), "lr": rate, "weight_decay": decay}])


@torch.inference_mode()
def code_moments(network: PictureVAE, garments: Pictures, seed: int) -> tuple[Tensor, Tensor]:
    """Where codes of the pictures of each class lie: means [classes, latent], roots of covariances [… , latent]."""
    with seeded(seed):
        codes = [network.encode(dequantised(pixels), classes) for pixels, classes in loader(garments, AT_ONCE)]
    mean = torch.cat([code.mean for code in codes]).double()
    variance = torch.cat([code.log_variance for code in codes]).double().exp()
    classes = torch.from_numpy(garments.classes)
    means, factors = [], []
    for label in range(len(LABELS)):
        mine = classes == label
        covariance = mean[mine].T.cov() + variance[mine].mean(0).diag()
        means.append(mean[mine].mean(0))
        factors.append(torch.linalg.cholesky(covariance))
    return torch.stack(means).float(), torch.stack(factors).float()
