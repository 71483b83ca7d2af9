"""Fashion-MNIST classifier: a grey picture of a garment to one of ten kinds; about half an hour on one core.

With `--precision bf16-mixed` it trains three times as fast on processors that multiply bfloat16 (AVX512-BF16, AMX).
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from sklearn.metrics import confusion_matrix

from app.repository.manifest import Batching
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.file_bytes import to_base64
from app.tasks.labels import best_labels
from training.baselines.garments import garment_baselines
from training.card import plots
from training.card.intervals import HEADING, intervals_table
from training.card.prose import Prose
from training.data.fashion_mnist import LABELS, SIZE, FashionMnist, Pictures, Scores, garments_for, loader
from training.data.labels import write_labels
from training.graphs.export import NUM_COMPARED, exported
from training.loop.fit import LearningCurve, fit
from training.loop.garments import GarmentSettings, GarmentTraining
from training.measures.calibration import cannot_be_calibrated, fit_temperature
from training.measures.garments import quality
from training.measures.intervals import Figure, as_values
from training.networks.garment_classifier import GarmentClassifier, mirrored_mean, normalised
from training.networks.picture_resnet import PictureResNet
from training.recipe import Draft, Example, HeldOut, Recipe, Run, SettingsSearch, sampled

PROSE = Prose(__name__)
SETTINGS = GarmentSettings()  # the temperature is set on the 6,000 validation pictures
TINY = GarmentSettings(epochs=2)
EXPLAINED_PICTURES = 100  # on which explanations are judged
AT_ONCE, ASKED_AT_A_TIME = 256, 64  # pictures, of the network, and of the exported graph
TOLERANCE = 1e-3
PLAIN = 4 * TOLERANCE  # between two labels that change places on no processor

Probabilities = npt.NDArray[np.float32]


def make(garments: FashionMnist, run: Run) -> Draft:
    """Train on 54,000 pictures, set the temperature on 6,000, measure the exported graph on the 10,000 of the test."""
    network, curve = learn(garments, run)
    chosen_by = logits(network, garments.validation), garments.validation.classes
    temperature = fit_temperature(*chosen_by)
    classifier = GarmentClassifier(network, temperature).eval()
    compared = {"image": rgb(garments.validation.pixels[:NUM_COMPARED])}
    graph = exported(classifier, compared, run.workdir / "model.onnx", ["probabilities"])
    answers, truth = probabilities(graph.path, garments.test), garments.test.classes
    uncalibrated = torch.from_numpy(logits(network, garments.test)).softmax(1).numpy()
    beside = garment_baselines(garments, run)
    mean = f"Answers are the mean over a picture and its mirror image, calibrated by the temperature {temperature:.3f}."
    return Draft(
        description="Tells which of ten kinds of garment a picture shows: a small residual network on Fashion-MNIST.",
        licence="MIT",
        files={"model.onnx": graph.path, "labels.json": write_labels(LABELS, run.workdir / "labels.json")},
        graphs={"model": "model.onnx"},
        config={"labels": "labels.json", "image_size": SIZE, "resize_margin": 0},
        exported=graph,
        batching=Batching(max_batch_size=64),
        metrics=quality(answers, probabilities(graph.path, negated(garments.test)), uncalibrated, truth, beside),
        sources=[garments.source],
        examples=golden(answers, garments.test),
        plots={
            "Loss and accuracy after each epoch; training pictures are changed, so they are harder.": (
                plots.learning_curves(
                    curve.rows,
                    {"loss": ["train_loss", "validation_loss"], "accuracy": ["validation_accuracy"]},
                    run.workdir / "learning.png",
                )
            ),
            "What test pictures are taken for.": plots.confusion_matrix(
                confusion_matrix(truth, answers.argmax(1), labels=range(len(LABELS))),
                LABELS,
                run.workdir / "confusion.png",
            ),
            "How often answers are right, by how sure they are, on the test pictures.": plots.calibration_plot(
                answers, truth, run.workdir / "calibration.png"
            ),
        },
        sections={HEADING: sureness(answers, beside, truth)},
        limits=PROSE.items("Limits", size=SIZE),
        notes=" ".join(filter(None, [mean, cannot_be_calibrated(*chosen_by), PROSE.text("Notes")])),
    )


def learn(garments: FashionMnist, run: Run) -> tuple[PictureResNet, LearningCurve]:
    settings = run.chosen(SETTINGS, TINY)
    torch.manual_seed(run.seed)
    network = PictureResNet(len(LABELS))
    curve = fit(
        GarmentTraining(network, settings),
        loader(garments.train, settings.batch_size, shuffled=True),
        run,
        epochs=settings.epochs,
        name="resnet",
        validation=loader(garments.validation, settings.batch_size),
        clip=None,
    )
    return network, curve


@torch.inference_mode()
def logits(network: PictureResNet, pictures: Pictures) -> npt.NDArray[np.float32]:
    return np.concatenate(
        [mirrored_mean(network, normalised(pixels)).numpy() for pixels, _ in loader(pictures, AT_ONCE)]
    )


def rgb(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Grey [pictures, 28, 28] as the service sends it, [pictures, 28, 28, 3]."""
    return np.repeat(pixels[..., np.newaxis], 3, axis=3)


def negated(garments: Pictures) -> Pictures:
    """Dark on white, as most photos are."""
    return Pictures(255 - garments.pixels, garments.classes)


def probabilities(graph: Path, garments: Pictures) -> Probabilities:
    """Answers of the exported graph, [pictures, 10]."""
    session = load_onnx(graph, RuntimeOptions(device="cpu", threads=1))
    starts = range(0, len(garments), ASKED_AT_A_TIME)
    parts = [session.run({"image": rgb(garments.pixels[i : i + ASKED_AT_A_TIME])}) for i in starts]
    return np.concatenate([part["probabilities"] for part in parts])


def sureness(answers: Probabilities, beside: Mapping[str, Scores], truth: npt.NDArray[np.int64]) -> str:
    right = {name: as_values(scores.argmax(1) == truth) for name, scores in {"": answers, **beside}.items()}
    return intervals_table([Figure("accuracy", right.pop(""), right)])


def golden(answers: Probabilities, garments: Pictures) -> list[Example]:
    """The first picture of each of four kinds of which the network is right, and the order of three labels is plain."""
    examples = []
    for kind in range(0, len(LABELS), 3):
        for picture, scores in zip(garments.pixels, answers, strict=True):
            best = best_labels(scores, LABELS, 4)
            is_plain = all(better.score - worse.score > PLAIN for better, worse in pairwise(best))
            if best[0].label == LABELS[kind] and is_plain:
                examples.append(Example({"image": to_base64(png(picture))}, {"top_k": 3}, TOLERANCE))
                break
    return examples


def asked(pictures: Sequence[npt.NDArray[np.uint8]]) -> HeldOut:
    items = [{"image": to_base64(png(picture))} for picture in pictures]
    return HeldOut(items, "Fashion-MNIST", f"test, {len(items)} pictures")


def png(picture: npt.NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()


RECIPE = Recipe(
    name="fashion-mnist",
    task="image-classification",
    load=garments_for,
    make=make,
    held_out=lambda garments, run: asked([*garments.test.pixels[: 2 if run.tiny else EXPLAINED_PICTURES]]),
    sample=lambda garments, run: asked(sampled([*garments.test.pixels], run)),
    must_reach={"accuracy": 0.94},
    settings=SETTINGS,
    tiny=TINY,
    search=SettingsSearch(lambda garments, run: learn(garments, run)[1].last("validation_loss"), "validation loss"),
    takes_source=True,
)
