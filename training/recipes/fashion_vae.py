"""Fashion-MNIST generator: a class and a seed to a picture, by a convolutional variational autoencoder.

About fifteen minutes on one core, with `--precision bf16-mixed` on processors that multiply bfloat16.
"""

import math

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset

from training.augmentation import mirrored
from training.data.fashion_mnist import LABELS, SIZE, FashionMnist, Pictures
from training.fit import LearningCurve, fit
from training.networks.picture_vae import PictureVAE
from training.recipe import Run

EPOCHS, BATCH_SIZE = 16, 256
LEARNING_RATE, WEIGHT_DECAY = 3e-3, 0.01
LATENT = 16
AVERAGED = 0.998  # of the weights stays in their moving average at each step
PIXELS = SIZE * SIZE


class VariationalTraining(LightningModule):
    """Raises the evidence lower bound; what is kept is the moving average of the weights."""

    def __init__(self, network: PictureVAE, steps: int) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGED), use_buffers=True)  # type: ignore[no-untyped-call]
        self.average.requires_grad_(False)
        self.steps = steps

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        pixels, classes = batch
        bound = self.network(dequantised(mirrored(pixels)), classes).mean()
        self.log("train_bits_per_pixel", bits_per_pixel(bound), on_step=False, on_epoch=True)
        return -bound / PIXELS

    def on_train_batch_end(self, *_: object) -> None:
        self.average.update_parameters(self.network)

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        pixels, classes = batch
        bound = self.average(dequantised(pixels), classes).mean()
        self.log("validation_bits_per_pixel", bits_per_pixel(bound))

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        optimizer = torch.optim.AdamW(self.network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=self.steps, pct_start=0.1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def dequantised(pixels: Tensor) -> Tensor:
    """uint8 [batch, 28, 28] between 0 and 1, each somewhere within its level: so a density bounds a probability.

    Theis, van den Oord & Bethge, "A Note on the Evaluation of Generative Models" (2016).
    """
    pictures = ((pixels + torch.rand(pixels.shape, device=pixels.device)) / 256)[:, None]
    return pictures.contiguous(memory_format=torch.channels_last)


def bits_per_pixel(nats: Tensor) -> Tensor:
    """Of a picture whose log-density, between 0 and 1 for each pixel of 256 levels, is `nats`."""
    return 8 - nats / (PIXELS * math.log(2))


def batches(pictures: Pictures, *, shuffled: bool = False) -> DataLoader[tuple[Tensor, ...]]:
    dataset = TensorDataset(torch.from_numpy(pictures.pixels), torch.from_numpy(pictures.classes))
    return DataLoader(dataset, BATCH_SIZE, shuffle=shuffled, drop_last=shuffled and len(pictures) > BATCH_SIZE)


def learn(garments: FashionMnist, run: Run) -> tuple[PictureVAE, LearningCurve]:
    torch.manual_seed(run.seed)
    train = batches(garments.train, shuffled=True)
    epochs = 2 if run.tiny else EPOCHS
    module = VariationalTraining(PictureVAE(len(LABELS), LATENT), steps=epochs * len(train))
    curve = fit(module, train, run, epochs=epochs, name="vae", validation=batches(garments.validation))
    return module.average.module, curve
