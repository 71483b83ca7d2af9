"""Fashion-MNIST generator: a class and a seed to a picture, by a conditional generative adversarial network.

About ten minutes on one core, with `--precision bf16-mixed` on processors that multiply bfloat16.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from training.baselines.class_pca import ClassPCA
from training.card import plots
from training.card.prose import Prose
from training.data.fashion_mnist import LABELS, SIZE, FashionMnist, Pictures, garments_for, loader
from training.loop.adversarial import AdversarialSettings, AdversarialTraining
from training.loop.fit import LearningCurve, fit
from training.measures.samples import (
    Judge,
    measure_samples,
    nearest,
    newest_graph,
    paint,
    published,
)
from training.networks.picture_gan import Critic, GANSampler, Generator
from training.recipe import Draft, Recipe, Run, SettingsSearch
from training.recipes import fashion_vae
from training.recipes.painters import export_painter, painter_draft

PROSE = Prose(__name__)
SETTINGS = AdversarialSettings()
TINY = AdversarialSettings(epochs=2)
COMPONENTS = 16
JUDGE, VAE = "fashion-mnist", "fashion-vae"

Pixels = npt.NDArray[np.uint8]


def load(run: Run) -> tuple[FashionMnist, Path, Path]:
    """The garments, who judges samples, and whose samples are compared."""
    judge, vae = newest_graph(run.models, JUDGE), newest_graph(run.models, VAE)
    return garments_for(run), judge, vae


def make(known: tuple[FashionMnist, Path, Path], run: Run) -> Draft:
    """Train on 54,000 pictures, choose the epoch on 6,000, judge as many samples as there are pictures in the test."""
    garments, judge, vae = known
    generator, curve = learn(garments, judge, run)
    latent = generator.latent
    graph = export_painter(GANSampler(generator).eval(), latent, run.workdir / "model.onnx")
    classes = garments.test.classes
    baselines = {
        VAE: paint(vae, classes, run.seed),
        fashion_vae.principal_components(COMPONENTS): ClassPCA(garments.train, COMPONENTS, run.seed).paint(
            classes, run.seed
        ),
    }
    return painter_draft(
        graph,
        latent,
        description="a conditional generative adversarial network",
        metrics=measure_samples(Judge(judge), paint(graph.path, classes, run.seed), baselines, garments),
        sources=[garments.source, published(judge, JUDGE, "judging samples"), published(vae, VAE, "baseline")],
        plots=illustrate(curve, graph.path, garments.train, run),
        limit=PROSE.text("Limit", size=SIZE),
        notes=PROSE.text("Notes"),
    )


def learn(garments: FashionMnist, judge: Path, run: Run) -> tuple[Generator, LearningCurve]:
    settings = run.chosen(SETTINGS, TINY)
    torch.manual_seed(run.seed)
    generator, critic = Generator(len(LABELS), settings.latent), Critic(len(LABELS))
    module = AdversarialTraining(generator, critic, judge, settings)
    curve = fit(
        module,
        loader(garments.train, settings.batch_size, shuffled=True),
        run,
        epochs=settings.epochs,
        name="gan",
        validation=loader(garments.validation, settings.batch_size),
        monitor="validation_distance",
        clip=None,
    )
    return module.generator, curve


def illustrate(curve: LearningCurve, graph: Path, garments: Pictures, run: Run) -> Mapping[str, Path]:
    of_each = np.tile(np.arange(len(LABELS)), 5)
    samples = paint(graph, of_each, run.seed + 1)
    names = [LABELS[label] for label in of_each]
    first = samples[: len(LABELS)]
    return {
        "Losses, and what the judge says of pictures painted for the validation, after each epoch.": (
            plots.learning_curves(
                curve.rows,
                {
                    "loss": ["critic_loss", "generator_loss"],
                    "validation, distance": ["validation_distance"],
                    "validation, accuracy": ["validation_accuracy"],
                },
                run.workdir / "learning.png",
            )
        ),
        "Samples, five of each kind, not chosen.": plots.image_grid(
            list(samples), names, run.workdir / "samples.png", columns=len(LABELS)
        ),
        "The first row again, and below each the training picture that is nearest in its pixels.": plots.image_grid(
            [*first, *(nearest(sample, garments.pixels) for sample in first)],
            [*names[: len(LABELS)], *[""] * len(LABELS)],
            run.workdir / "nearest.png",
            columns=len(LABELS),
        ),
    }


RECIPE = Recipe(
    name="fashion-gan",
    task="unconditional-image-generation",
    load=load,
    make=make,
    must_reach={"frechet_distance_saved": 0.1, "accuracy_of_samples": 0.8},
    settings=SETTINGS,
    tiny=TINY,
    search=SettingsSearch(lambda known, run: learn(*known[:2], run)[1].least("validation_distance"), "distance"),
    takes_source=True,
)
