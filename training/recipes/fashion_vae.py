"""Fashion-MNIST generator: a class and a seed to a picture, by a convolutional variational autoencoder.

About fifteen minutes on one core, with `--precision bf16-mixed` on processors that multiply bfloat16.
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
from training.loop.fit import LearningCurve, fit
from training.loop.variational import VariationalSettings, VariationalTraining, code_moments
from training.measures.likelihood import dequantised, measure_codes
from training.measures.samples import Judge, measure_samples, newest_graph, paint, published
from training.networks.picture_vae import PictureVAE, VAESampler
from training.recipe import Draft, Recipe, Run, SettingsSearch
from training.recipes.painters import export_painter, painter_draft
from training.seeds import seeded

PROSE = Prose(__name__)
SETTINGS = VariationalSettings()
TINY = VariationalSettings(epochs=2)
JUDGE = "fashion-mnist"

Pixels = npt.NDArray[np.uint8]


def load(run: Run) -> tuple[FashionMnist, Path]:
    """The garments, and who judges samples."""
    judge = newest_graph(run.models, JUDGE)
    return garments_for(run), judge


def make(known: tuple[FashionMnist, Path], run: Run) -> Draft:
    """Train on 54,000 pictures; judge reconstructions of the 10,000 of the test, and as many samples."""
    garments, judge = known
    latent = run.chosen(SETTINGS, TINY).latent
    network, curve = learn(garments, run)
    sampler = VAESampler(network, *code_moments(network, garments.train, run.seed)).eval()
    graph = export_painter(sampler, latent, run.workdir / "model.onnx")
    baseline = ClassPCA(garments.train, latent, run.seed)
    return painter_draft(
        graph,
        latent,
        description="a conditional variational autoencoder",
        metrics=[
            *measure_samples(
                Judge(judge),
                paint(graph.path, garments.test.classes, run.seed),
                {principal_components(latent): baseline.paint(garments.test.classes, run.seed)},
                garments,
            ),
            *measure_codes(network, garments.test, run.seed, latent, baseline),
        ],
        sources=[garments.source, published(judge, JUDGE, "judging samples")],
        plots=illustrate(network, curve, graph.path, garments.test, run),
        limit=PROSE.text("Limit", size=SIZE),
        notes=PROSE.text("Notes"),
    )


def learn(garments: FashionMnist, run: Run) -> tuple[PictureVAE, LearningCurve]:
    settings = run.chosen(SETTINGS, TINY)
    torch.manual_seed(run.seed)
    network = PictureVAE(len(LABELS), settings.latent)
    curve = fit(
        VariationalTraining(network, settings),
        loader(garments.train, settings.batch_size, shuffled=True),
        run,
        epochs=settings.epochs,
        name="vae",
        validation=loader(garments.validation, settings.batch_size),
        clip=None,
    )
    return network, curve


def principal_components(count: int) -> str:
    return f"normal distribution in {count} principal components of each class"


def illustrate(
    network: PictureVAE, curve: LearningCurve, graph: Path, garments: Pictures, run: Run
) -> Mapping[str, Path]:
    few = garments[np.arange(min(10, len(garments)))]
    with torch.inference_mode(), seeded(run.seed):
        shown, classes = dequantised(torch.from_numpy(few.pixels)), torch.from_numpy(few.classes)
        again = network.decode(network.encode(shown, classes).mean, classes)
    rebuilt: Pixels = (255 * again[:, 0]).round().to(torch.uint8).numpy()
    of_each = np.tile(np.arange(len(LABELS)), 5)
    samples = paint(graph, of_each, run.seed + 1)
    names = [LABELS[label] for label in few.classes]
    return {
        "Bits per pixel after each epoch.": plots.learning_curves(
            curve.rows,
            {"bits per pixel": ["train_bits_per_pixel", "validation_bits_per_pixel"]},
            run.workdir / "learning.png",
        ),
        "Samples, five of each kind, not chosen.": plots.image_grid(
            list(samples), [LABELS[label] for label in of_each], run.workdir / "samples.png", columns=len(LABELS)
        ),
        f"Test pictures, and what remains of them in {network.latent} numbers.": plots.image_grid(
            [*few.pixels, *rebuilt], [*names, *names], run.workdir / "reconstructions.png", columns=len(few)
        ),
    }


RECIPE = Recipe(
    name="fashion-vae",
    task="unconditional-image-generation",
    load=load,
    make=make,
    must_reach={"frechet_distance_saved": 0.25},
    settings=SETTINGS,
    tiny=TINY,
    search=SettingsSearch(
        lambda known, run: learn(known[0], run)[1].last("validation_bits_per_pixel"), "bits per pixel"
    ),
    takes_source=True,
)
