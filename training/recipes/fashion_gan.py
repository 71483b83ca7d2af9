"""Fashion-MNIST generator: a class and a seed to a picture, by a conditional generative adversarial network.

About ten minutes on one core, with `--precision bf16-mixed` on processors that multiply bfloat16.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from lightning import Callback, LightningModule
from torch import Tensor
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR

from training.card import plots as pictures
from training.data.fashion_mnist import LABELS, SIZE, FashionMnist, Pictures, batches, garments_for
from training.loop.averaging import FinalAverage
from training.loop.fit import LearningCurve, fit
from training.loop.schedule import learning_rate_at
from training.measures.samples import Judge, Opinion, frechet_distance, measure_samples, newest_graph, paint, published
from training.networks.picture_gan import Critic, Generator, Sampler
from training.recipe import Draft, Recipe, Run
from training.recipes import fashion_vae
from training.recipes.painters import draft, export

EPOCHS, BATCH_SIZE = 4, 64
LEARNING_RATE, BETAS = 1e-3, (0.0, 0.99)
LATENT = 64
JUDGE, VAE = "fashion-mnist", "fashion-vae"

Pixels = npt.NDArray[np.uint8]


def make(run: Run) -> Draft:
    """Train on 54,000 pictures, choose the epoch on 6,000, judge as many samples as there are pictures in the test."""
    judge, vae = newest_graph(run.models, JUDGE), newest_graph(run.models, VAE)
    garments = garments_for(run)
    generator, curve = learn(garments, judge, run)
    graph, verification = export(Sampler(generator).eval(), LATENT, run.workdir / "model.onnx")
    classes = garments.test.classes
    baselines = {
        VAE: paint(vae, fashion_vae.LATENT, classes, run.seed),
        fashion_vae.BASELINE: fashion_vae.ClassPCA(garments.train, fashion_vae.LATENT, run.seed).paint(
            classes, run.seed
        ),
    }
    return draft(
        graph,
        verification,
        LATENT,
        description="a conditional generative adversarial network",
        metrics=measure_samples(Judge(judge), paint(graph, LATENT, classes, run.seed), baselines, garments),
        sources=[garments.source, published(judge, JUDGE, "judging samples"), published(vae, VAE, "baseline")],
        pictures=illustrate(curve, graph, garments.train, run),
        limit=LIMIT,
        notes=NOTES,
    )


LIMIT = (
    f"Pictures have {SIZE} x {SIZE} grey pixels, light on black. They have texture, which those of "
    "fashion-vae lack, and often enough a hole, a frayed edge or a blotch, most of all dresses, bags and sandals."
)

NOTES = (
    "Baselines are the published fashion-vae and its own baseline, a normal distribution in the principal components "
    "of each class; the line of the training pictures says how near real pictures come to real ones. The distance that "
    "is saved is a share of fashion-vae's. Noise is not truncated. Weights are those after the epoch whose pictures "
    "came nearest to the 6,000 training pictures that were kept back. Settings are common values; one shorter training "
    "with them (1,200 steps, judged on pictures that were kept back) was tried before, and one of eight epochs was cut "
    "off in its second for want of time; nothing was searched for. One seed. An adversarial network gives no "
    "likelihood, so there is no bound to compare with fashion-vae's."
)


class AdversarialTraining(LightningModule):
    """A critic learns to tell real from painted by a margin (hinge loss); the generator, to be taken for real.

    Learning rates fall along a cosine. After each epoch the judge compares pictures for the validation classes, of
    the average generator, with those of the validation.
    """

    def __init__(self, generator: Generator, critic: Critic, judge: Path) -> None:
        super().__init__()
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
        noise = torch.randn(len(classes), LATENT, generator=torch.Generator().manual_seed(index)).to(classes.device)
        painted = Sampler(self.generator)(noise, classes)[..., 0]
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
            Adam(network.parameters(), LEARNING_RATE, BETAS, fused=True) for network in (self.generator, self.critic)
        ]
        return optimizers, [LambdaLR(one, lambda step: learning_rate_at(step / steps)) for one in optimizers]


def shown(pixels: Tensor) -> Tensor:
    """uint8 [batch, 28, 28] as the critic sees them, [batch, 1, 28, 28] between 0 and 1."""
    return (pixels.float() / 255)[:, None].contiguous(memory_format=torch.channels_last)


def learn(garments: FashionMnist, judge: Path, run: Run) -> tuple[Generator, LearningCurve]:
    torch.manual_seed(run.seed)
    module = AdversarialTraining(Generator(len(LABELS), LATENT), Critic(len(LABELS)), judge)
    curve = fit(
        module,
        batches(garments.train, BATCH_SIZE, shuffled=True),
        run,
        epochs=2 if run.tiny else EPOCHS,
        name="gan",
        validation=batches(garments.validation, BATCH_SIZE),
        monitor="validation_distance",
        clip=None,
    )
    return module.generator, curve


def illustrate(curve: LearningCurve, graph: Path, garments: Pictures, run: Run) -> Mapping[str, Path]:
    of_each = np.tile(np.arange(len(LABELS)), 5)
    samples = paint(graph, LATENT, of_each, run.seed + 1)
    names = [LABELS[label] for label in of_each]
    first = samples[: len(LABELS)]
    return {
        "Losses, and what the judge says of pictures painted for the validation, after each epoch.": (
            pictures.learning_curves(
                curve.rows,
                {
                    "loss": ["critic_loss", "generator_loss"],
                    "validation, distance": ["validation_distance"],
                    "validation, accuracy": ["validation_accuracy"],
                },
                run.workdir / "learning.png",
            )
        ),
        "Samples, five of each kind, not chosen.": pictures.image_grid(
            list(samples), names, run.workdir / "samples.png", columns=len(LABELS)
        ),
        "The first row again, and below each the training picture that is nearest in its pixels.": pictures.image_grid(
            [*first, *(nearest(sample, garments.pixels) for sample in first)],
            [*names[: len(LABELS)], *[""] * len(LABELS)],
            run.workdir / "nearest.png",
            columns=len(LABELS),
        ),
    }


def nearest(sample: Pixels, pixels: Pixels) -> Pixels:
    """Of `pixels` [pictures, height, width] the one at the smallest Euclidean distance."""
    distances = [np.square(picture.astype(np.int32) - sample).sum() for picture in pixels]
    found: Pixels = pixels[int(np.argmin(distances))]
    return found


RECIPE = Recipe(
    name="fashion-gan",
    task="unconditional-image-generation",
    make=make,
    must_reach={"frechet_distance_saved": 0.1, "accuracy_of_samples": 0.8},
    takes_source=True,
)
