"""Fine-tune a classifier of texts towards soft targets."""

import torch
import torch.nn.functional as F
from lightning import Callback, LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy

from training.loop.averaging import FinalAverage
from training.loop.schedule import adamw_with_cosine
from training.loop.text_batches import TextBatch
from training.networks.minilm import TextClassifier

LEARNING_RATE, HEAD_LEARNING_RATE = 1.2e-4, 1e-3
WEIGHT_DECAY = 0.01


class FineTuning(LightningModule):
    """Cross-entropy to soft targets; the table of words stays as it is, the final weights are an average.

    Logs `loss`, and of the validation texts `validation_loss` and `validation_accuracy`.
    """

    def __init__(self, network: TextClassifier) -> None:
        super().__init__()
        self.network = network
        self._accuracy = MulticlassAccuracy(network.head.out_features, average="micro")
        # The words are known; learning them anew costs memory and time, and helps only words seen here.
        self.network.bert.embeddings.word_embeddings.requires_grad_(False)

    def training_step(self, batch: TextBatch, _: int) -> Tensor:
        input_ids, attention_mask, targets = batch
        loss = F.cross_entropy(self.network(input_ids, attention_mask), targets)
        self.log("loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(targets))
        return loss

    def validation_step(self, batch: TextBatch, _: int) -> None:
        input_ids, attention_mask, targets = batch
        logits = self.network(input_ids, attention_mask)
        self._accuracy(logits, targets.argmax(1))
        self.log("validation_loss", F.cross_entropy(logits, targets), batch_size=len(targets))
        self.log("validation_accuracy", self._accuracy, batch_size=len(targets))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        learned = [p for p in self.network.bert.parameters() if p.requires_grad]
        return adamw_with_cosine(
            self,
            [
                {"params": [p for p in learned if p.ndim > 1], "lr": LEARNING_RATE, "weight_decay": WEIGHT_DECAY},
                {"params": [p for p in learned if p.ndim == 1], "lr": LEARNING_RATE, "weight_decay": 0.0},
                {"params": list(self.network.head.parameters()), "lr": HEAD_LEARNING_RATE, "weight_decay": 0.0},
            ],
        )

    def configure_callbacks(self) -> list[Callback]:
        return [FinalAverage()]


class Distillation(FineTuning):
    """A student learns what its teacher answers, and what people said.

    The loss is for TEACHER_SHARE the divergence from the teacher's answers at TEMPERATURE, for the rest FineTuning's.
    Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015, https://arxiv.org/abs/1503.02531.
    """

    TEMPERATURE = 2.0
    TEACHER_SHARE = 0.7

    def __init__(self, student: TextClassifier, teacher: TextClassifier) -> None:
        super().__init__(student)
        # In a list, or its weights would be part of the student's checkpoints.
        self._teacher = [teacher.eval().requires_grad_(False)]

    def training_step(self, batch: TextBatch, _: int) -> Tensor:
        input_ids, attention_mask, targets = batch
        logits = self.network(input_ids, attention_mask)
        with torch.no_grad():
            taught = self._teacher[0].to(input_ids.device)(input_ids, attention_mask)
        divergence = F.kl_div(
            F.log_softmax(logits / self.TEMPERATURE, 1),
            F.log_softmax(taught / self.TEMPERATURE, 1),
            reduction="batchmean",
            log_target=True,
        )
        loss = self.TEACHER_SHARE * self.TEMPERATURE**2 * divergence + (1 - self.TEACHER_SHARE) * F.cross_entropy(
            logits, targets
        )
        self.log("loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(targets))
        return loss
