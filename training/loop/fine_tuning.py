"""Fine-tune a classifier of texts towards soft targets."""

from typing import Annotated

import torch.nn.functional as F
from lightning import Callback, LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy

from training.loop.averaging import FinalAverage
from training.loop.schedule import adamw_with_cosine
from training.loop.text_batches import TextBatch
from training.networks.minilm import TextClassifier
from training.settings import Between, Count, Epochs, Penalty, Rate, Share, TrainingSettings


class FineTuningSettings(TrainingSettings):
    """`learning_rate`: the peak for what is known already; `head_learning_rate`: for what begins by chance."""

    epochs: Annotated[Epochs, Between(2, 6)] = 4
    batch_size: Count = 48
    learning_rate: Annotated[Rate, Between(2e-5, 4e-4, in_log=True)] = 1.2e-4
    head_learning_rate: Annotated[Rate, Between(1e-4, 1e-2, in_log=True)] = 1e-3
    weight_decay: Annotated[Penalty, Between(0, 0.1)] = 0.01


class FineTuning(LightningModule):
    """Cross-entropy to soft targets; the table of words stays as it is, the final weights are an average.

    Logs `loss`, and of the validation texts `validation_loss` and `validation_accuracy`.
    """

    def __init__(self, network: TextClassifier, settings: FineTuningSettings) -> None:
        super().__init__()
        self.network, self.settings = network, settings
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
        rate, decay = self.settings.learning_rate, self.settings.weight_decay
        learned = [p for p in self.network.bert.parameters() if p.requires_grad]
        return adamw_with_cosine(
            self,
            [
                {"params": [p for p in learned if p.ndim > 1], "lr": rate, "weight_decay": decay},
                {"params": [p for p in learned if p.ndim == 1], "lr": rate, "weight_decay": 0.0},
                {
                    "params": list(self.network.head.parameters()),
                    "lr": self.settings.head_learning_rate,
                    "weight_decay": 0.0,
                },
            ],
        )

    def configure_callbacks(self) -> list[Callback]:
        return [FinalAverage()]


class DistillationSettings(FineTuningSettings):
    temperature: Annotated[Rate, Between(1, 4)] = 2.0
    teacher_share: Annotated[Share, Between(0.3, 0.9)] = 0.7


class Distillation(FineTuning):
    """A student learns what its teacher answers, and what people said.

    The loss is for `teacher_share` the divergence from the teacher's answers at `temperature`, else FineTuning's.
    Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015, https://arxiv.org/abs/1503.02531.
    Targets of the training are fp32 [batch, 2, labels], the second of which are the teacher's logits.
    """

    settings: DistillationSettings

    def __init__(self, student: TextClassifier, settings: DistillationSettings) -> None:
        super().__init__(student, settings)

    def training_step(self, batch: TextBatch, _: int) -> Tensor:
        input_ids, attention_mask, both = batch
        targets, taught = both.unbind(1)
        logits = self.network(input_ids, attention_mask)
        temperature, share = self.settings.temperature, self.settings.teacher_share
        divergence = F.kl_div(
            F.log_softmax(logits / temperature, 1),
            F.log_softmax(taught / temperature, 1),
            reduction="batchmean",
            log_target=True,
        )
        loss = share * temperature**2 * divergence + (1 - share) * F.cross_entropy(logits, targets)
        self.log("loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(targets))
        return loss
