"""A generator and a critic learn from each other."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from lightning import Callback, LightningModule
from pydantic import Field
from torch import Tensor
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR

from training.loop.averaging import FinalAverage
from training.loop.schedule import learning_rate_at
from training.measures.samples import Judge, Opinion, frechet_distance
from training.networks.picture_gan import Critic, GANSampler, Generator
from training.settings import Between, Count, Epochs, Rate, TrainingSettings

BETAS = (0.0, 0.99)
Pixels = npt.NDArray[np.uint8]


class AdversarialSettings(TrainingSettings):
    """`latent`: numbers that are drawn for a picture."""

    epochs: Epochs = 4
    batch_size: Count = 64
    learning_rate: Annotated[Rate, Between(2e-4, 3e-3, in_log=True)] = 1e-3
    latent: Annotated[int, Field(ge=1, le=1024)] = 64


class AdversarialTraining(LightningModule):
    """A critic learns to tell real from painted by a margin (hinge loss); the generator, to be taken for real.

    Learning rates fall along a cosine. After each epoch the judge compares pictures for the validation classes, of
    the average generator, with those of the validation.
    """

    def __init__(self, generator: Generator, critic: Critic, judge: Path, settings: AdversarialSettings) -> None:
        super().__init__()
        self.settings = settings
        self.automatic_optimization = False
        self.generator, self.critic = generator, critic
        self._judge = judge
        self._shown: list[tuple[Pixels, Pixels, npt.NDArray[np.int64]]] = []
        self._real: Opinion | None = None

    def setup(self, stage: str) -> None:
        self.to(memory_format=torch.channels_last)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        pixels, classes = batch
        of_generator, of_critic = self.optimizers()  # type: ignore[attr-defined]
        painted = self.generator(self._noise(len(classes)), classes)

        scores = self.critic(torch.cat([shown(pixels), painted.detach()]), classes.repeat(2))
        real, false = scores.chunk(2)
        critic_loss = F.relu(1 - real).mean() + F.relu(1 + false).mean()
        self._step(of_critic, critic_loss)

        with self.toggled_optimizer(of_generator):  # spares the gradients of the critic's weights
            generator_loss = -self.critic(painted, classes).mean()
            self._step(of_generator, generator_loss)

        for schedule in self.lr_schedulers():  # type: ignore[union-attr]
            schedule.step()
        self.log_dict({"critic_loss": critic_loss, "generator_loss": generator_loss}, on_step=False, on_epoch=True)

    def _step(self, optimizer: Any, loss: Tensor) -> None:
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        pixels, classes = batch
        noise = torch.randn(len(classes), self.generator.latent, generator=torch.Generator().manual_seed(index)).to(
            classes.device
        )
        painted = GANSampler(self.generator)(noise, classes)[..., 0]
        self._shown.append((pixels.cpu().numpy(), painted.cpu().numpy(), classes.cpu().numpy()))

    def on_validation_epoch_end(self) -> None:
        pixels, painted, classes = (np.concatenate(part) for part in zip(*self._shown, strict=True))
        self._shown.clear()
        self._real = self._real or self.judge.look_at(pixels)
        seen = self.judge.look_at(painted)
        self.log("validation_distance", frechet_distance(seen.features, self._real.features))
        self.log("validation_accuracy", float((seen.classes == classes).mean()))

    @cached_property
    def judge(self) -> Judge:
        return Judge(self._judge)

    def _noise(self, count: int) -> Tensor:
        return torch.randn(count, self.generator.latent, device=self.device)

    def configure_callbacks(self) -> list[Callback]:
        return [FinalAverage()]

    def configure_optimizers(self) -> tuple[list[Adam], list[LambdaLR]]:
        steps = self.trainer.estimated_stepping_batches
        optimizers = [
            Adam(network.parameters(), self.settings.learning_rate, BETAS, fused=True)
            for network in (self.generator, self.critic)
        ]
        return optimizers, [LambdaLR(one, lambda step: learning_rate_at(step / steps)) for one in optimizers]


def shown(pixels: Tensor) -> Tensor:
    """uint8 [batch, 28, 28] as the critic sees them, [batch, 1, 28, 28] between 0 and 1."""
    return (pixels.float() / 255)[:, None].contiguous(memory_format=torch.channels_last)
