"""Fine-tune a classifier of texts towards labels of one's own, one or several for each text."""

from collections.abc import Sequence
from math import ceil
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from app.tensors import Tensors
from training.data.backbones import BackboneName
from training.loop.fine_tuning import FineTuning, FineTuningSettings
from training.loop.fit import LearningCurve, fit
from training.loop.text_batches import LengthSorted, Row, TextBatch, padded
from training.networks.minilm import TextClassifier
from training.recipe import Run
from training.settings import Between, Count, Epochs, Share


class OwnLabelsSettings(FineTuningSettings):
    """`least_steps`: of few texts more epochs are read, so as to reach them; `patience`: epochs without a better loss
    on the validation that end it; `balance`: 0 counts every text alike, 1 every label; `smoothing`: of every target,
    spread over the labels; `max_tokens`: of a text; `backbone`: the encoder that it starts from, "auto" if the texts
    tell.
    """

    epochs: Epochs = 6
    least_steps: Count = 120
    patience: Annotated[int, Field(ge=1, le=1000)] = 3
    batch_size: Count = 32
    balance: Annotated[float, Field(ge=0, le=1), Between(0, 1)] = 0.5
    smoothing: Annotated[Share, Between(0, 0.2)] = 0.03
    max_tokens: Annotated[int, Field(ge=8, le=512)] = 256
    backbone: BackboneName = "auto"


class Targeted(Dataset[Row]):
    """Rows of token ids with what they have of each label."""

    def __init__(self, rows: Sequence[Tensors], targets: npt.NDArray[np.float32]) -> None:
        self._rows, self._targets = rows, torch.from_numpy(targets)
        self.lengths: npt.NDArray[np.int64] = np.array([len(row["input_ids"]) for row in rows])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Row:
        return torch.from_numpy(self._rows[index]["input_ids"]), self._targets[index]

    def loader(self, batch_size: int) -> DataLoader[Row]:
        return DataLoader(self, batch_sampler=LengthSorted(self, batch_size), collate_fn=padded)


class OwnLabels(FineTuning):
    """The cross-entropy of one label, or of each label by itself where a text may have several.

    `weights`, fp32 [labels], are what a text of a label counts. Logs `loss` and `validation_loss`, which counts every
    text alike.
    """

    settings: OwnLabelsSettings

    def __init__(
        self, network: TextClassifier, settings: OwnLabelsSettings, weights: Tensor, *, are_several: bool
    ) -> None:
        super().__init__(network, settings)
        self.weights, self.are_several = weights, are_several

    def training_step(self, batch: TextBatch, _: int) -> Tensor:
        input_ids, attention_mask, targets = batch
        logits, weights = self.network(input_ids, attention_mask), self.weights.to(targets.device)
        smoothing = self.settings.smoothing
        if self.are_several:
            softened = (1 - smoothing) * targets + smoothing / 2
            loss = F.binary_cross_entropy_with_logits(logits, softened, pos_weight=weights)
        else:
            softened = (1 - smoothing) * targets + smoothing / targets.shape[1]
            of_each = F.cross_entropy(logits, softened, reduction="none")
            counted = targets @ weights
            loss = (of_each * counted).sum() / counted.sum()
        self.log("loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(targets))
        return loss

    def validation_step(self, batch: TextBatch, _: int) -> None:
        input_ids, attention_mask, targets = batch
        logits = self.network(input_ids, attention_mask)
        if self.are_several:
            loss = F.binary_cross_entropy_with_logits(logits, targets)
        else:
            loss = F.cross_entropy(logits, targets)
        self.log("validation_loss", loss, batch_size=len(targets))


def weights_of(targets: npt.NDArray[np.float32], balance: float, *, are_several: bool) -> Tensor:
    """The weight of a text of each label, fp32 [labels]: the less, the more texts have it."""
    counts = np.maximum(1, targets.sum(0))
    full = (len(targets) - counts).clip(1) / counts if are_several else len(targets) / (len(counts) * counts)
    return torch.from_numpy(full**balance).float()


def learn_labels(
    network: TextClassifier,
    train: Targeted,
    validation: Targeted,
    weights: Tensor,
    run: Run,
    settings: OwnLabelsSettings,
    *,
    are_several: bool,
) -> LearningCurve:
    """Train `network` in place; afterwards it has the weights of the epoch with the least loss on the validation."""
    loader = train.loader(settings.batch_size)
    return fit(
        OwnLabels(network, settings, weights, are_several=are_several),
        loader,
        run,
        epochs=max(settings.epochs, ceil(settings.least_steps / len(loader))),
        validation=validation.loader(settings.batch_size),
        monitor="validation_loss",
        patience=settings.patience,
    )
