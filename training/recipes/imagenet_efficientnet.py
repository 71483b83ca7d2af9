"""ImageNet classifier: EfficientNet-Lite0's published weights as an 8-bit graph; about two minutes on two cores.

`--source` names other weights of the same network and classes: a folder with one state dict, `*.safetensors` with the
names of `EfficientNetLite.state_dict()`, or `*.pth` with its order. They read pixels as the published ones do.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.export import Dim

from app.repository.manifest import Batching, Metric, Verification
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.image_classification import to_base64
from app.tasks.images import read_square
from app.tasks.labels import best_labels
from app.tensors import Tensors, TensorSpec
from training.card.intervals import HEADING
from training.card.markdown import table
from training.card.plots import agreement_plot, grouped_bars, image_grid
from training.data import imagenet, photos
from training.errors import TrainingError
from training.graphs.export import to_onnx, verify_export
from training.graphs.quantize import quantize_static_int8
from training.measures.intervals import share_interval
from training.networks.efficientnet_lite import VARIANTS, EfficientNetLite, Variant, load_weights
from training.recipe import Draft, Example, HeldOut, Recipe, Run


@dataclass(frozen=True, slots=True)
class Size:
    """A network to publish. `float_layers`, counted from the input, stay in float; chosen on the validation photos.

    `published`: per cent of ImageNet's validation images that it gets right in float and in 8 bits, by its authors;
    None of weights that are not theirs.
    """

    title: str
    variant: Variant
    weights: imagenet.Weights | imagenet.OwnWeights
    float_layers: int
    published: tuple[float, float] | None

    @property
    def side(self) -> int:
        return self.variant.image_size


# Of Lite0, .923 of the validation photos had the same best class as in float with 0, .954 with 3, .969 with 6 and with
# 9, .985 with 12 layers left in float; each three cost about a tenth of the speed. Of Lite2 it was .938 with 0 and with
# 3, and .954 with 6, 9 and 12.
LITE0 = Size("Lite0", VARIANTS["lite0"], imagenet.LITE0, float_layers=6, published=(75.1, 74.4))
LITE2 = Size("Lite2", VARIANTS["lite2"], imagenet.LITE2, float_layers=6, published=(77.6, 77.0))
MARGIN = 32
EXPLAINED_PHOTOS = 40
TOLERANCE = 0.05  # of a probability: int8 kernels differ between processors
BATCHES, ROUNDS = (1, 8), 60

Images = npt.NDArray[np.uint8]
Probabilities = npt.NDArray[np.float32]


class PixelClassifier(nn.Module):
    """Pixels, uint8 [batch, side, side, 3], to probabilities, float32 [batch, classes]."""

    def __init__(self, network: EfficientNetLite) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        pixels = (image.permute(0, 3, 1, 2).float() - 127) / 128
        logits: Tensor = self.network(pixels)
        return logits.softmax(1)


@dataclass(frozen=True, slots=True)
class Graphs:
    """What a network becomes: in float, in 8 bits as it is served, and with every layer in 8 bits."""

    size: Size
    fp32: Path
    served: Path
    plain: Path
    verification: Verification


@dataclass(frozen=True, slots=True)
class Answers:
    """Of the graphs of one size to the test photos, fp32 [photos, classes] each."""

    fp32: Probabilities
    served: Probabilities
    plain: Probabilities


def make(size: Size, other: Size, run: Run) -> Draft:
    """The 8-bit version of `size`, measured beside its float original and beside `other`."""
    if run.source:
        size = with_weights(size, run.source)
    names = imagenet.class_names()
    used = tiny_photos() if run.tiny else photos.load_photos()
    graphs = [build(each, used, run.workdir) for each in (size, other)]
    answers = [answer(each, squares(used.test, each.size.side)) for each in graphs]
    times = milliseconds(graphs, 3 if run.tiny else ROUNDS)
    mine = graphs[0]
    return Draft(
        description=f"Says which of the 1,000 classes of ImageNet a photo shows: {size.weights.title} in 8 bits.",
        licence="Apache-2.0" if size.published else size.weights.source.licence,
        files={"model.onnx": mine.served, "labels.json": write_labels(names, run.workdir / "labels.json")},
        graphs={"model": "model.onnx"},
        config={"labels": "labels.json", "image_size": size.side, "resize_margin": MARGIN},
        inputs=[TensorSpec(name="image", datatype="UINT8", shape=(-1, size.side, size.side, 3))],
        outputs=[TensorSpec(name="probabilities", datatype="FP32", shape=(-1, len(names)))],
        precision="int8",
        batching=Batching(max_batch_size=32),
        metrics=[*agreement(answers[0], answers[1], other), *speed(graphs, times)],
        sources=[size.weights.source, imagenet.LABELS_SOURCE, *photos.SOURCES],
        verification=mine.verification,
        pictures=card_pictures(graphs, answers, times, names, run.workdir),
        sections={
            HEADING: sureness(answers[0]),
            f"{size.title} beside {other.title}": comparison(graphs, answers, times),
        },
        examples=golden(mine, names),
        limits=LIMITS if size.published else OWN_LIMITS,
        notes=NOTES[size.title] if size.published else OWN_NOTES,
    )


ALWAYS_NAMES_ONE = (
    "It knows 1,000 classes, of which 118 are breeds of dogs and hardly one is a person, and always names "
    "one of them, however little it resembles the photo"
)
LIMITS = [
    f"{ALWAYS_NAMES_ONE}; a best score below about 0.3 means that it does not know.",
    "It looks at the middle of the photo: up to an eighth of the shorter side, and whatever else the longer side has "
    "more, is not seen.",
    "Two classes have the same name: crane is a bird as well as a machine.",
    "On processors without 8-bit dot products (AVX-512 VNNI, AVX-VNNI, Arm dot product) scores may differ more from "
    "those of the float network, and it may be no faster than that.",
]

OWN_LIMITS = [f"{ALWAYS_NAMES_ONE}.", *LIMITS[1:]]

MEASURED = (
    "Measured is how often this graph gives the best class that its float network gives. Speed was measured in turns "
    "on cores that had other work to do, which makes the medians uncertain. "
)
COMMON_NOTES = (
    "ImageNet's validation images are not available here, so top-1 accuracy was not measured; what the authors publish "
    "is quoted from the README of EfficientNet-lite in tensorflow/tpu, and these weights are a port of theirs. "
    + MEASURED
)
NOTES = {
    LITE0.title: COMMON_NOTES
    + "When it was first built 113 of 117 test photos agreed, a 95 % interval (Wilson) of .915 to .987. Of these, 40 "
    "had calibrated trial graphs before (36 agreed) and 77 had no part in any trial (77 agreed). Four of the 77 are "
    "also golden examples. Stem and first two blocks are left in float: on 65 validation photos that takes the mean "
    "Kullback-Leibler divergence from the float network's answers from .0146 to .0049.",
    LITE2.title: COMMON_NOTES + "Stem and first two blocks are left in float: on 65 validation photos that takes the "
    "mean Kullback-Leibler divergence from the float network's answers from .0076 to .0025.",
}
OWN_NOTES = (
    "ImageNet's validation images are not available here, so how often these weights are right was not measured. That "
    "their classes are ImageNet's in its order, and that they were trained on pixels less 127 and divided by 128, is "
    f"taken for granted. {MEASURED}Stem and first two blocks are left in float, which was chosen with other weights."
)


def tiny_photos() -> photos.Photos:
    """A few photos that need no download."""
    few = list(photos.scikit_photos().values())
    return photos.Photos(calibration=few[:3], validation=[], test=few[3:])


def held_out(run: Run) -> HeldOut:
    """Test photos, on which explanations are judged."""
    few = (tiny_photos() if run.tiny else photos.load_photos()).test[: 2 if run.tiny else EXPLAINED_PHOTOS]
    return HeldOut(
        [{"image": to_base64(file)} for file in few], "natural photos, central square", f"test, {len(few)} photos"
    )


def squares(files: Sequence[bytes], side: int) -> Images:
    """Photos as the service would see them."""
    return np.stack([read_square(file, side, MARGIN) for file in files])


def with_weights(size: Size, source: str) -> Size:
    """The same network with weights of one's own. Raises TrainingError if they are not of such a network."""
    names = list(EfficientNetLite(size.variant).state_dict())
    own = replace(size, weights=imagenet.own_weights(source, size.weights.network, names), published=None)
    classifier(own)  # what is wrong with them is said before photos are fetched
    return own


def classifier(size: Size) -> PixelClassifier:
    """In float. Raises TrainingError if the weights are not of such a network."""
    made = PixelClassifier(EfficientNetLite(size.variant)).eval()
    try:
        load_weights(made.network, size.weights.load())
    except ValueError as error:
        raise TrainingError(f"{size.weights.file}: {error}") from error
    return made


def build(size: Size, used: photos.Photos, folder: Path) -> Graphs:
    name = size.title.lower()
    calibration = squares(used.calibration, size.side)
    fp32, verification = export(classifier(size), calibration[:16], folder / f"{name}.fp32.onnx")
    batches = [{"image": square[np.newaxis]} for square in calibration]
    return Graphs(
        size,
        fp32,
        quantize_static_int8(fp32, folder / f"{name}.int8.onnx", batches, float_layers=size.float_layers),
        quantize_static_int8(fp32, folder / f"{name}.plain.onnx", batches),
        verification,
    )


def export(classifier: PixelClassifier, images: Images, path: Path) -> tuple[Path, Verification]:
    """Write the float graph. Raises TrainingError if it answers `images` otherwise than torch does."""
    to_onnx(
        classifier,
        [torch.from_numpy(images)],
        path,
        input_names=["image"],
        output_names=["probabilities"],
        dynamic_shapes=[{0: Dim("batch")}],
    )
    return path, verify_export(classifier, path, {"image": images}, tolerance=1e-4)


def write_labels(names: Sequence[str], path: Path) -> Path:
    path.write_text(json.dumps(names, indent=0) + "\n", encoding="utf-8")
    return path


def probabilities(graph: Path, images: Images) -> Probabilities:
    session = load_onnx(graph, RuntimeOptions(device="cpu", threads=2))
    return np.concatenate([session.run({"image": image[np.newaxis]})["probabilities"] for image in images]).astype(
        np.float32
    )


def answer(graphs: Graphs, images: Images) -> Answers:
    return Answers(*(probabilities(graph, images) for graph in (graphs.fp32, graphs.served, graphs.plain)))


def same_best(found: Probabilities, expected: Probabilities) -> npt.NDArray[np.bool_]:
    return np.asarray(found.argmax(1) == expected.argmax(1))


def agreement(mine: Answers, others: Answers, other: Size) -> list[Metric]:
    """How like the float graph's answers those of the served one are, and of one with every layer in 8 bits."""

    def share(found: Probabilities, expected: Probabilities) -> float:
        return float(same_best(found, expected).mean())

    def gap(found: Probabilities, expected: Probabilities) -> float:
        return float(np.abs(found - expected).max(1).mean())

    every = f"test, {len(mine.fp32)} photos that neither calibrated this graph nor chose its layers"
    metrics = [
        Metric(
            name=name,
            value=measure(mine.served, mine.fp32),
            dataset="natural photos, central square",
            split=every,
            baselines={
                "every layer in int8": measure(mine.plain, mine.fp32),
                f"{other.title} in int8, of its own fp32": measure(others.served, others.fp32),
            },
        )
        for name, measure in (
            ("top1_agreement_with_fp32", share),
            ("mean_largest_difference_of_a_probability", gap),
        )
    ]
    is_sure = mine.fp32.max(1) > 0.5
    if is_sure.any():
        metrics.append(
            Metric(
                name="top1_agreement_with_fp32_where_sure",
                value=share(mine.served[is_sure], mine.fp32[is_sure]),
                dataset="natural photos, central square",
                split=f"those {is_sure.sum()} of them of which the float network is more than half sure",
                baselines={"every layer in int8": share(mine.plain[is_sure], mine.fp32[is_sure])},
            )
        )
    return metrics


def sureness(mine: Answers) -> str:
    right, total = int(same_best(mine.served, mine.fp32).sum()), len(mine.fp32)
    low, high = share_interval(right, total)
    return (
        f"The best class is the same on {right} of {total} photos: of all photos like these on a share between "
        f"{low:.3f} and {high:.3f}, at 95 % (Wilson)."
    )


Times = dict[Path, dict[int, npt.NDArray[np.float64]]]
"""For each graph and batch size the milliseconds a photo took, one for each round."""


def milliseconds(graphs: Sequence[Graphs], rounds: int) -> Times:
    """Of the network alone on one thread, all graphs in turns, since the machine may be busy."""
    timed = [(each.size.side, path) for each in graphs for path in (each.fp32, each.served)]
    sessions = [load_onnx(path, RuntimeOptions(device="cpu", threads=1)) for _, path in timed]
    taken: Times = {path: {batch: np.zeros(rounds) for batch in BATCHES} for _, path in timed}
    for i, batch, ((side, path), session) in product(range(rounds), BATCHES, zip(timed, sessions, strict=True)):
        images: Tensors = {"image": np.zeros((batch, side, side, 3), np.uint8)}
        started = time.perf_counter()
        session.run(images)
        taken[path][batch][i] = (time.perf_counter() - started) * 1000 / batch
    return taken


def speed(graphs: Sequence[Graphs], times: Times) -> list[Metric]:
    """Milliseconds a photo, the fastest tenth too, and megabytes; less is better."""
    mine, other = graphs
    beside = {
        "fp32": mine.fp32, f"{other.size.title} in int8": other.served, f"{other.size.title} in fp32": other.fp32
    }  # fmt: skip
    rounds = len(times[mine.served][1])
    metrics = [
        Metric(
            name=f"ms_a_photo_batch_{batch}_{name}",
            value=round(float(np.quantile(times[mine.served][batch], quantile)), 2),
            dataset="network only, one thread",
            split=f"{rounds} rounds in turns on the machine that built this; less is better",
            baselines={way: round(float(np.quantile(times[path][batch], quantile)), 2) for way, path in beside.items()},
        )
        for batch in BATCHES
        for name, quantile in (("median", 0.5), ("fastest_tenth", 0.1))
    ]
    size = Metric(
        name="megabytes",
        value=megabytes(mine.served),
        dataset="the graph",
        split="its file; less is better",
        baselines={way: megabytes(path) for way, path in beside.items()},
    )
    return [*metrics, size]


def megabytes(path: Path) -> float:
    return round(path.stat().st_size / 1e6, 1)


def comparison(graphs: Sequence[Graphs], answers: Sequence[Answers], times: Times) -> str:
    """Both sizes in one table, for those who have to choose."""
    rows = [
        (
            f"{each.size.title} in {precision}",
            f"{each.size.side} px",
            f"{megabytes(path)} MB",
            *(f"{np.median(times[path][batch]):.1f} ms" for batch in BATCHES),
            agrees,
            published,
        )
        for each, found in zip(graphs, answers, strict=True)
        for precision, path, agrees, published in (
            ("int8", each.served, f"{same_best(found.served, found.fp32).mean():.3f}", quoted(each.size)[1]),
            ("fp32", each.fp32, "1", quoted(each.size)[0]),
        )
    ]
    heads = (
        "network",
        "reads",
        "size",
        "a photo alone",
        "in batches of 8",
        "agrees with fp32",
        "right, by its authors",
    )
    mine, other = (each.size for each in graphs)
    who = "they are" if mine.published else f"{other.title} is"
    return (
        f"{table(heads, rows)}\n\nTimes are medians on one thread, all in turns. How often {who} right on ImageNet "
        "is quoted and was not measured here; their own 8-bit graphs are not these.\n\n"
        "`imagenet-efficientnet` is Lite0 because it answers soonest. Lite2 is a model of its own and not a newer "
        "version, which would take Lite0's place: `python -m training imagenet-efficientnet-lite2` makes it."
    )


def quoted(size: Size) -> tuple[str, str]:
    """How often it is right in float and in 8 bits, as the card says it."""
    if size.published is None:
        return "not stated", "not stated"
    in_float, in_int8 = size.published
    return f"{in_float} %", f"{in_int8} %"


def card_pictures(
    graphs: Sequence[Graphs], answers: Sequence[Answers], times: Times, names: Sequence[str], folder: Path
) -> dict[str, Path]:
    mine = answers[0]
    ways = {
        f"{each.size.title} {name}": path
        for each in graphs
        for name, path in (("int8", each.served), ("fp32", each.fp32))
    }
    return {
        "The best class in float, and how sure both are of it: one point for each test photo.": agreement_plot(
            mine.fp32, mine.served, folder / "agreement.png"
        ),
        "Milliseconds a photo on one thread, network only; medians.": grouped_bars(
            {way: [float(np.median(times[path][batch])) for batch in BATCHES] for way, path in ways.items()},
            [f"batch of {batch}" for batch in BATCHES],
            "ms a photo",
            folder / "speed.png",
        ),
        "Free photos that come with scikit-image, and what is said of them.": gallery(graphs, names, folder),
    }


def gallery(graphs: Sequence[Graphs], names: Sequence[str], folder: Path) -> Path:
    shown = [photos.scikit_photos()[name] for name in ("cat", "coffee", "rocket", "astronaut")]
    said = [
        [
            f"{each.size.title}: {names[row.argmax()].split(',')[0]} {row.max():.2f}"
            for row in probabilities(each.served, squares(shown, each.size.side))
        ]
        for each in graphs
    ]
    captions = ["\n".join(lines) for lines in zip(*said, strict=True)]
    return image_grid([*squares(shown, graphs[0].size.side)], captions, folder / "photos.png", columns=4)


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


def thumbnail(photo: bytes) -> bytes:
    """The central square of a photo as a JPEG of at most 4.5 kB."""
    square = ImageOps.fit(Image.open(BytesIO(photo)).convert("RGB"), (160, 160), Image.Resampling.BICUBIC)
    small = BytesIO()
    square.save(small, "JPEG", quality=60, optimize=True)
    return small.getvalue()


RECIPE = Recipe(
    name="imagenet-efficientnet",
    task="image-classification",
    make=partial(make, LITE0, LITE2),
    held_out=held_out,
    must_reach={"top1_agreement_with_fp32": 0.95},
    takes_source=True,
)
