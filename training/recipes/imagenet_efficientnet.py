"""ImageNet classifier: EfficientNet-Lite0's published weights as an 8-bit graph; about two minutes on two cores.

`--source` names other weights of the same network and classes: a folder with one state dict, `*.safetensors` with the
names of `EfficientNetLite.state_dict()`, or `*.pth` with its order. They read pixels as the published ones do.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from app.repository.manifest import Batching
from app.tasks.file_bytes import to_base64
from app.tasks.labels import best_labels
from training.card.intervals import HEADING
from training.card.photo_classifier import comparison, plotted, sureness
from training.card.prose import Prose
from training.data import imagenet, photos
from training.data.labels import write_labels
from training.data.photos import squares, thumbnail
from training.graphs.photo_classifier import Graphs, Size, build_graphs, with_weights
from training.measures.agreement import GraphAnswers, agreement, probabilities
from training.measures.speed import milliseconds, speed
from training.networks.efficientnet_lite import SCALINGS
from training.recipe import Draft, Example, HeldOut, Recipe, Run, sampled

PROSE = Prose(__name__)
# Of Lite0, .923 of the validation photos had the same best class as in float with 0, .954 with 3, .969 with 6 and with
# 9, .985 with 12 layers left in float; each three cost about a tenth of the speed. Of Lite2 it was .938 with 0 and with
# 3, and .954 with 6, 9 and 12.
LITE0 = Size("Lite0", SCALINGS["lite0"], imagenet.LITE0, float_layers=6, published=(75.1, 74.4))
LITE2 = Size("Lite2", SCALINGS["lite2"], imagenet.LITE2, float_layers=6, published=(77.6, 77.0))
EXPLAINED_PHOTOS = 40  # on which explanations are judged
TOLERANCE = 0.05  # of a probability: int8 kernels differ between processors
ROUNDS = 60  # in which each graph is timed once, in turn


def load(size: Size, other: Size, run: Run) -> tuple[Size, Size, photos.Photos]:
    """Both networks, the first perhaps with weights of one's own, and the photos to judge them on."""
    if run.source:
        size = with_weights(size, run.source)
    return size, other, photos.tiny_photos() if run.tiny else photos.load_photos()


def make(known: tuple[Size, Size, photos.Photos], run: Run) -> Draft:
    """The 8-bit version of a size, measured beside its float original and beside the other size."""
    size, other, used = known
    names = imagenet.class_names()
    graphs = [build_graphs(each, used, run.workdir) for each in (size, other)]
    answers = [answer(each, squares(used.test, each.size.side)) for each in graphs]
    mine, others = graphs
    timed = [(each.size.side, path) for each in graphs for path in (each.fp32, each.served)]
    times = milliseconds(timed, 3 if run.tiny else ROUNDS)
    beside = {"fp32": mine.fp32, f"{other.title} in int8": others.served, f"{other.title} in fp32": others.fp32}
    whose = "own weights" if size.published is None else size.title
    limits = PROSE.items("Limits")
    return Draft(
        description=f"Says which of the 1,000 classes of ImageNet a photo shows: {size.weights.title} in 8 bits.",
        licence="Apache-2.0" if size.published else size.weights.source.licence,
        files={"model.onnx": mine.served, "labels.json": write_labels(names, run.workdir / "labels.json")},
        graphs={"model": "model.onnx"},
        config={"labels": "labels.json", "image_size": size.side, "resize_margin": photos.MARGIN},
        exported=mine.exported,
        precision="int8",
        batching=Batching(max_batch_size=32),
        metrics=[*agreement(answers[0], answers[1], other.title), *speed(mine.served, beside, times)],
        sources=[size.weights.source, imagenet.LABELS_SOURCE, *photos.SOURCES],
        plots=plotted(graphs, answers, times, names, run.workdir),
        sections={
            HEADING: sureness(answers[0]),
            f"{size.title} beside {other.title}": comparison(graphs, answers, times),
        },
        examples=golden(mine, names),
        limits=limits if size.published else [*PROSE.items("Limits of own weights"), *limits[1:]],
        notes=PROSE.text(f"Notes of {whose}"),
    )


def held_out(known: tuple[Size, Size, photos.Photos], run: Run) -> HeldOut:
    """Test photos, on which explanations are judged."""
    return asked(known[2].test[: 2 if run.tiny else EXPLAINED_PHOTOS])


def sample(known: tuple[Size, Size, photos.Photos], run: Run) -> HeldOut:
    return asked(sampled(known[2].test, run))


def asked(files: Sequence[bytes]) -> HeldOut:
    items = [{"image": to_base64(file)} for file in files]
    return HeldOut(items, "natural photos, central square", f"test, {len(items)} photos")


def answer(graphs: Graphs, images: npt.NDArray[np.uint8]) -> GraphAnswers:
    return GraphAnswers(*(probabilities(graph, images) for graph in (graphs.fp32, graphs.served, graphs.plain)))


def golden(graphs: Graphs, names: Sequence[str]) -> list[Example]:
    """Photos with the number of labels, up to three, whose order no tolerated difference can change."""
    examples = []
    for file in (thumbnail(photos.scikit_photos()[name]) for name in ("cat", "coffee", "temple", "rocket")):
        best = best_labels(probabilities(graphs.served, squares([file], graphs.size.side))[0], names, 4)
        gaps = [better.score - worse.score for better, worse in pairwise(best)]
        num_certain = next((i for i, gap in enumerate(gaps) if gap <= 2 * TOLERANCE), len(gaps))
        if num_certain:
            examples.append(Example({"image": to_base64(file)}, {"top_k": num_certain}, TOLERANCE))
    return examples


RECIPE = Recipe(
    name="imagenet-efficientnet",
    task="image-classification",
    load=partial(load, LITE0, LITE2),
    make=make,
    held_out=held_out,
    sample=sample,
    must_reach={"top1_agreement_with_fp32": 0.95},
    takes_source=True,
)
