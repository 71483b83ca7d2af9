"""Fashion-MNIST classifier: a grey picture of a garment to one of ten kinds; about half an hour on one core.

With `--precision bf16-mixed` it trains three times as fast on processors that multiply bfloat16 (AVX512-BF16, AMX).
"""

import json
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from torch import Tensor, nn
from torch.export import Dim
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset

from app.repository.manifest import Batching, Metric, TensorSpec
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.image_classification import to_base64
from app.tasks.labels import best_labels
from training import pictures
from training.augmentation import erased, mirrored, shifted
from training.calibration import expected_calibration_error, fit_temperature
from training.data.fashion_mnist import (
    LABELS,
    SIZE,
    SOURCE,
    FashionMnist,
    Pictures,
    load_fashion_mnist,
    tiny_fashion_mnist,
)
from training.export import largest_difference, to_onnx
from training.fit import LearningCurve, fit
from training.networks.picture_resnet import PictureResNet
from training.networks.textbook_cnn import TextbookCNN
from training.recipe import Draft, Example, Recipe, Run, TrainingError

# Chosen on the 6,000 validation pictures; the test pictures were read once, at the end.
EPOCHS, BATCH_SIZE = 20, 256
LEARNING_RATE, WEIGHT_DECAY, SMOOTHING = 0.2, 5e-4, 0.1
SHIFT, ERASED = 2, 0.5
AVERAGED = 0.998  # of the weights stays in their moving average at each step
TEXTBOOK_EPOCHS = 10

MEAN, DEVIATION = 0.286, 0.353  # of the training pixels, between 0 and 1
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow turns colours into grey
TOLERANCE = 5e-3

Probabilities = npt.NDArray[np.float32]


class GarmentTraining(LightningModule):
    """Trains a network of pictures; what is kept is the moving average of its weights."""

    def __init__(self, network: nn.Module, steps: int) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGED), use_buffers=True)  # type: ignore[no-untyped-call]
        self.average.requires_grad_(False)
        self.steps = steps

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        pixels, classes = batch
        changed = erased(shifted(mirrored(pixels), SHIFT), ERASED)
        loss = F.cross_entropy(self.network(normalised(changed)).float(), classes, label_smoothing=SMOOTHING)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def on_train_batch_end(self, *_: object) -> None:
        self.average.update_parameters(self.network)

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        pixels, classes = batch
        logits = self.average(normalised(pixels)).float()
        self.log("validation_loss", F.cross_entropy(logits, classes))
        self.log("validation_accuracy", (logits.argmax(1) == classes).float().mean())

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        optimizer = torch.optim.SGD(
            self.network.parameters(), LEARNING_RATE, momentum=0.9, nesterov=True, weight_decay=WEIGHT_DECAY
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, LEARNING_RATE, total_steps=self.steps, pct_start=0.2, div_factor=10, final_div_factor=100
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def normalised(pixels: Tensor) -> Tensor:
    """uint8 [batch, 28, 28] as the network reads it."""
    pictures = ((pixels.float() / 255 - MEAN) / DEVIATION)[:, None]
    return pictures.contiguous(memory_format=torch.channels_last)


def batches(pictures: Pictures, *, shuffled: bool = False) -> DataLoader[tuple[Tensor, ...]]:
    dataset = TensorDataset(torch.from_numpy(pictures.pixels), torch.from_numpy(pictures.classes))
    return DataLoader(dataset, BATCH_SIZE, shuffle=shuffled, drop_last=shuffled and len(pictures) > BATCH_SIZE)


def learn(garments: FashionMnist, run: Run) -> tuple[PictureResNet, LearningCurve]:
    torch.manual_seed(run.seed)
    train = batches(garments.train, shuffled=True)
    epochs = 2 if run.tiny else EPOCHS
    module = GarmentTraining(PictureResNet(len(LABELS)), steps=epochs * len(train))
    curve = fit(module, train, run, epochs=epochs, name="resnet", validation=batches(garments.validation), clip=None)
    return module.average.module, curve
