"""Learn to translate: foresee each token of a translation that people wrote."""

from collections.abc import Sequence
from typing import Annotated, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from lightning import Callback, LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from pydantic import Field
from torch import Tensor

from training.data.subwords import TokenPair
from training.loop.averaging import FinalAverage
from training.loop.fit import LearningCurve, fit
from training.loop.schedule import adamw_with_cosine
from training.loop.sentence_batches import NO_TOKEN, TaughtBatch, taught_batches
from training.networks.taught_student import Sentences
from training.recipe import Run
from training.settings import Between, Count, Epochs, Penalty, Rate, Share, TrainingSettings


class TranslatingSettings(TrainingSettings):
    """`tokens`: of the longer side of a batch; `word_dropout`: of those that are read or given, which then stand for
    none; `averaged`: of all steps.
    """

    epochs: Epochs = 6
    tokens: Count = 2048
    # Of the first 200 steps the better one of two that were tried.
    learning_rate: Annotated[Rate, Between(3e-4, 5e-3, in_log=True)] = 2e-3
    weight_decay: Annotated[Penalty, Between(0, 0.1)] = 0.01
    label_smoothing: Annotated[Share, Between(0, 0.2)] = 0.1
    word_dropout: Annotated[Share, Between(0, 0.2)] = 0.05
    averaged: Annotated[Share, Field(gt=0)] = 0.05


class TaughtNetwork(Protocol):
    """A network that foresees tokens: its states times the `embedding`, and `bias`, are scores of what follows."""

    @property
    def start_id(self) -> int: ...

    @property
    def embedding(self) -> Tensor: ...

    @property
    def bias(self) -> Tensor: ...

    def __call__(self, sentences: Sentences) -> Tensor: ...


class Translating(LightningModule):
    """Logs `loss`, smoothed, and of the validation pairs `validation_loss`, not smoothed; both are means of tokens."""

    def __init__(self, network: TaughtNetwork, settings: TranslatingSettings) -> None:
        super().__init__()
        self.network, self.settings = network, settings
        # Scores of some tokens at a time, which fit into the cache.
        self._chunks = torch.nn.LinearCrossEntropyOptions()

    def training_step(self, batch: TaughtBatch, _: int) -> Tensor:
        sentences, following = batch
        thinned = Sentences(
            self.thinned(sentences.source_ids), sentences.source_mask, self.thinned(sentences.given_ids)
        )
        loss = self.loss(TaughtBatch(thinned, following), self.settings.label_smoothing)
        self._log_mean("loss", loss, following)
        return loss

    def validation_step(self, batch: TaughtBatch, _: int) -> None:
        self._log_mean("validation_loss", self.loss(batch, 0.0), batch.following)

    def loss(self, batch: TaughtBatch, smoothing: float) -> Tensor:
        """Cross-entropy to the tokens, of which all of the vocabulary share `smoothing`.

        Smoothing adds its share of how far a token's score lies above the mean of all, so that torch may go on in
        chunks, which it does without smoothing only.
        """
        is_token, network = batch.following != NO_TOKEN, self.network
        states, following = network(batch.sentences)[is_token], batch.following[is_token]
        loss = F.linear_cross_entropy(
            states, network.embedding, following, linear_bias=network.bias, options=self._chunks
        )
        above = (states * (network.embedding[following] - network.embedding.mean(0))).sum(-1).mean()
        return loss + smoothing * (above + network.bias[following].mean() - network.bias.mean())

    def thinned(self, ids: Tensor) -> Tensor:
        is_left_out = torch.rand(ids.shape, device=ids.device) < self.settings.word_dropout
        return torch.where(is_left_out, self.network.start_id, ids)

    def _log_mean(self, name: str, loss: Tensor, following: Tensor) -> None:
        count = int((following != NO_TOKEN).sum())
        self.log(name, loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=count)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        rate, decay = self.settings.learning_rate, self.settings.weight_decay
        learned = list(self.parameters())
        return adamw_with_cosine(
            self,
            [
                {"params": [p for p in learned if p.ndim > 1], "lr": rate, "weight_decay": decay},
                {"params": [p for p in learned if p.ndim == 1], "lr": rate, "weight_decay": 0.0},
            ],
        )

    def configure_callbacks(self) -> list[Callback]:
        return [FinalAverage(self.settings.averaged)]


def log_frequencies(pairs: Sequence[TokenPair], vocabulary: int) -> Tensor:
    """Logarithms of the shares of tokens in translations, fp32 [vocabulary]; each is counted once more than it is."""
    counts = np.bincount(np.concatenate([pair.target for pair in pairs]), minlength=vocabulary) + 1
    return torch.from_numpy(np.log(counts / counts.sum())).float()


def learn_to_translate(
    network: TaughtNetwork,
    train: Sequence[TokenPair],
    validation: Sequence[TokenPair],
    run: Run,
    settings: TranslatingSettings,
    name: str,
) -> LearningCurve:
    """Train `network` in place, as `fit`; afterwards it has the weights that foresaw the validation pairs best.

    It begins with the frequencies of tokens as its `bias`, which a learning rate like this one reaches late.
    """
    with torch.no_grad():
        network.bias.copy_(log_frequencies(train, len(network.bias)))
    return fit(
        Translating(network, settings),
        taught_batches(train, settings.tokens, network.start_id),
        run,
        epochs=settings.epochs,
        name=name,
        validation=taught_batches(validation, settings.tokens, network.start_id),
        monitor="validation_loss",
    )
