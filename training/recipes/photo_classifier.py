"""A classifier of one's own photos: EfficientNet-Lite0, its last layer from a linear model, then all layers.

`--source` is a folder with a folder of photos for each class, perhaps within folders called train, validation and test.
Some thirty photos of each of a few classes take some minutes on two cores.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.repository.manifest import Batching
from app.tasks.file_bytes import to_base64
from training.baselines.own_photos import LINEAR, baseline_scores
from training.card.intervals import HEADING
from training.card.own_labels import confusion, label_table, learning, sureness
from training.card.prose import Prose
from training.data import imagenet
from training.data.labels import write_labels
from training.data.own.labelled_photos import LabelledPhotos, load_labelled_photos
from training.data.photos import MARGIN, scikit_photos, thumbnail
from training.errors import progress, say
from training.graphs.export import exported
from training.graphs.quantize import quantize_static_int8
from training.loop.own_photos import SETTINGS, SIDE, TINY, calibrate, learn, published, validation_loss
from training.loop.photo_tuning import features
from training.measures.agreement import probabilities, same_best
from training.measures.own_labels import answers_of, quality
from training.networks.pixel_classifier import PixelClassifier
from training.recipe import Draft, Example, HeldOut, Recipe, Run, SettingsSearch, sampled

FLOAT_LAYERS = 6  # that suffer most in 8 bits, as for the classes of ImageNet
CALIBRATING, COMPARED, MOST_COMPARED = 60, 16, 200  # photos
LEAST_AGREEMENT = 0.97  # of the best classes in float and in 8 bits, or the graph in float is served
ALIKE_NAMES, OFTEN_CONFUSED = 0.85, 0.3
EXPLAINED_PHOTOS = 20
PROSE = Prose(__name__)


def make(photos: LabelledPhotos, run: Run) -> Draft:
    train, validation, test = (part.squares(SIDE) for part in (photos.train, photos.validation, photos.test))
    backbone = published()
    seen = {"train": features(backbone, train), "test": features(backbone, test)}
    network, linear, curve = learn(photos, validation, train, seen["train"], run)
    why_not = calibrate(network, validation, photos.validation.classes)
    float_graph = exported(
        PixelClassifier(network).eval(), {"image": train[:COMPARED]}, run.workdir / "fp32.onnx", ["probabilities"]
    )
    small = quantize_static_int8(
        float_graph.path,
        run.workdir / "int8.onnx",
        [{"image": one[np.newaxis]} for one in train[:: max(1, len(train) // CALIBRATING)][:CALIBRATING]],
        float_layers=FLOAT_LAYERS,
    )
    graph, precision, about_bits = smaller_if_alike(float_graph.path, small, np.concatenate([train, validation]))
    progress("judging on the test split")
    count = len(photos.labels)
    targets = np.eye(count, dtype=np.float32)[photos.test.classes]
    scores = {"": probabilities(graph, test)}
    scores |= baseline_scores(seen["train"], photos.train.classes, seen["test"], linear, count)
    answers = {name: answers_of(found, are_several=False) for name, found in scores.items()}
    ours = answers.pop("")
    hints = alike(photos.labels, photos.test.classes, ours.argmax(1))
    learned = np.bincount(photos.train.classes, minlength=count)
    return Draft(
        description=f"Says which of {count} classes a photo shows, as in {photos.name}: EfficientNet-Lite0, trained "
        "further.",
        licence=photos.source.licence,
        files={"model.onnx": graph, "labels.json": write_labels(photos.labels, run.workdir / "labels.json")},
        graphs={"model": "model.onnx"},
        config={"labels": "labels.json", "image_size": SIDE, "resize_margin": MARGIN},
        exported=float_graph,
        precision=precision,
        batching=Batching(max_batch_size=32),
        metrics=quality(ours, answers, targets, photos.name, f"test, {len(test):,} photos"),
        sources=[photos.source, imagenet.LITE0.source],
        # Photos of everybody, since everybody may read a card.
        examples=[
            Example({"image": to_base64(thumbnail(scikit_photos()[name]))}, {"top_k": 1}, tolerance=0.1)
            for name in ("cat", "coffee", "rocket")
        ],
        limits=PROSE.items("Limits", name=photos.name),
        notes=f"{PROSE.text('Notes', epochs=len(curve.rows))} {about_bits} {say([*photos.remarks, *hints])} {why_not}",
        sections={
            HEADING: sureness(ours, answers, targets),
            "By class": label_table(photos.labels, learned, ours, answers, LINEAR, targets),
        },
        plots={**learning(curve, run.workdir), **confusion(photos.labels, ours, targets, run.workdir)},
        has_own_data=True,
    )


def smaller_if_alike(float_graph: Path, small: Path, squares: npt.NDArray[np.uint8]) -> tuple[Path, str, str]:
    """The graph in 8 bits and its precision, if of `squares` it says what the one in float says; and what was found."""
    few = squares[np.random.default_rng(0).permutation(len(squares))[:MOST_COMPARED]]
    share = float(same_best(probabilities(small, few), probabilities(float_graph, few)).mean())
    found = f"Of {len(few)} photos that were not tested on, {share:.1%} get the same class in 8 bits as in float"
    if share < LEAST_AGREEMENT:
        return float_graph, "fp32", f"{found}, which is too few: it is served in float."
    return small, "int8", f"{found}."


def alike(labels: Sequence[str], truth: npt.NDArray[np.int64], said: npt.NDArray[np.int64]) -> list[str]:
    """Sentences on pairs of classes that may mean the same, by their names, or since they are taken for one another."""
    found = []
    for (i, one), (j, other) in combinations(enumerate(labels), 2):
        swapped = [float((said[truth == a] == b).mean()) for a, b in ((i, j), (j, i)) if (truth == a).any()]
        if SequenceMatcher(None, one.lower(), other.lower()).ratio() > ALIKE_NAMES:
            found.append(f"The classes {one} and {other} are called almost alike: do they mean the same?")
        elif len(swapped) == 2 and min(swapped) > OFTEN_CONFUSED:
            found.append(f"The classes {one} and {other} are often taken for one another: do they mean the same?")
    return found


def held_out(photos: LabelledPhotos, run: Run) -> HeldOut:
    """Some of the test photos, on which explanations are judged."""
    return asked(photos, photos.test.files[: 2 if run.tiny else EXPLAINED_PHOTOS])


def sample(photos: LabelledPhotos, run: Run) -> HeldOut:
    return asked(photos, sampled(photos.test.files, run))


def asked(photos: LabelledPhotos, files: Sequence[Path]) -> HeldOut:
    items = [{"image": to_base64(file.read_bytes())} for file in files]
    return HeldOut(items, photos.name, f"test, {len(items)} photos")


RECIPE = Recipe(
    name="photo-classifier",
    task="image-classification",
    load=load_labelled_photos,
    make=make,
    held_out=held_out,
    sample=sample,
    must_lead={"accuracy": "more"},
    settings=SETTINGS,
    tiny=TINY,
    search=SettingsSearch(validation_loss, "validation loss"),
    takes_source=True,
)
