"""ImageNet classifier: EfficientNet-Lite0's published weights as an 8-bit graph; about two minutes on two cores."""

import json
import time
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.export import Dim

from app.repository.manifest import Batching, Metric, TensorSpec, Verification
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.image_classification import to_base64
from app.tasks.images import read_square
from app.tasks.labels import best_labels
from app.tensors import Tensors
from training.data import imagenet, photos
from training.export import to_onnx, verify_export
from training.faithfulness.deletion import HeldOut
from training.networks.efficientnet_lite import VARIANTS, EfficientNetLite, load_weights
from training.quantize import quantize_static_int8
from training.recipe import Draft, Example, Recipe, Run

LITE0 = VARIANTS["lite0"]
SIZE, MARGIN = LITE0.image_size, 32
# Chosen on the validation photos, of which .923 had the same best class as in float with 0, .954 with 3, .969 with
# 6 and with 9, .985 with 12 layers left in float; each three cost about a tenth of the speed.
FLOAT_LAYERS = 6
EXPLAINED_PHOTOS = 40
TOLERANCE = 0.05  # of a probability: int8 kernels differ between processors

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


def make(run: Run) -> Draft:
    classifier = PixelClassifier(EfficientNetLite(LITE0))
    load_weights(classifier.network, imagenet.lite0_weights())
    names = imagenet.class_names()
    used = tiny_photos() if run.tiny else photos.load_photos()

    fp32, verification = export(classifier, squares(used.calibration[:16]), run.workdir / "fp32.onnx")
    calibration = [{"image": square[np.newaxis]} for square in squares(used.calibration)]
    served = quantize_static_int8(fp32, run.workdir / "model.onnx", calibration, float_layers=FLOAT_LAYERS)
    plain = quantize_static_int8(fp32, run.workdir / "plain.onnx", calibration)
    return Draft(
        description="Says which of the 1,000 classes of ImageNet a photo shows: EfficientNet-Lite0 in 8 bits.",
        licence="Apache-2.0",
        files={"model.onnx": served, "labels.json": write_labels(names, run.workdir / "labels.json")},
        graphs={"model": "model.onnx"},
        config={"labels": "labels.json", "image_size": SIZE, "resize_margin": MARGIN},
        inputs=[TensorSpec(name="image", datatype="UINT8", shape=(-1, SIZE, SIZE, 3))],
        outputs=[TensorSpec(name="probabilities", datatype="FP32", shape=(-1, len(names)))],
        precision="int8",
        batching=Batching(max_batch_size=32),
        metrics=[*agreement(fp32, served, plain, squares(used.test)), *speed(fp32, served)],
        sources=[*imagenet.SOURCES, *photos.SOURCES],
        verification=verification,
        examples=golden(served, names),
        limits=LIMITS,
        notes=NOTES,
    )


LIMITS = [
    "It knows 1,000 classes, of which 118 are breeds of dogs and hardly one is a person, and always names "
    "one of them, however little it resembles the photo; a best score below about 0.3 means that it does not know.",
    "It looks at the middle of the photo: up to an eighth of the shorter side, and whatever else the longer side has "
    "more, is not seen.",
    "Two classes have the same name: crane is a bird as well as a machine.",
    "On processors without 8-bit dot products (AVX-512 VNNI, AVX-VNNI, Arm dot product) scores may differ more from "
    "those of the float network, and it may be no faster than that.",
]

NOTES = (
    "ImageNet's validation images are not available here, so top-1 accuracy was not measured. For Lite0 the authors "
    "publish 75.1 % in float and 74.4 % in 8 bits of their own (README of EfficientNet-lite in tensorflow/tpu); these "
    "weights are a port of theirs. Measured is how often this graph gives the best class that its float network gives. "
    "When it was first built 113 of 117 test photos agreed, a 95 % interval (Wilson) of .915 to .987. Of these, 40 had "
    "calibrated trial graphs before (36 agreed) and 77 had no part in any trial (77 agreed). Four of the 77 are also "
    "golden examples. "
    "Stem and first two blocks are left in float: on 65 validation photos that takes the mean Kullback-Leibler "
    "divergence from the float network's answers from .0146 to .0049. Speed was measured in turns with the float "
    "graph on two cores that had other work to do, which makes the medians uncertain, with two threads most."
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


def squares(files: Sequence[bytes]) -> npt.NDArray[np.uint8]:
    """Photos as the service would see them."""
    return np.stack([read_square(file, SIZE, MARGIN) for file in files])


def export(classifier: PixelClassifier, images: npt.NDArray[np.uint8], path: Path) -> tuple[Path, Verification]:
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


def agreement(fp32: Path, served: Path, plain: Path, images: npt.NDArray[np.uint8]) -> list[Metric]:
    """How like the float graph's answers those of the served one are, and of one with every layer in 8 bits."""
    expected, found, other = (probabilities(graph, images) for graph in (fp32, served, plain))
    is_sure = expected.max(1) > 0.5

    def same_best(answers: Probabilities) -> npt.NDArray[np.bool_]:
        return np.asarray(answers.argmax(1) == expected.argmax(1))

    def gap(answers: Probabilities) -> float:
        return float(np.abs(answers - expected).max(1).mean())

    dataset = "natural photos, central square"
    every = f"test, {len(images)} photos that neither calibrated this graph nor chose its layers"
    sure = f"those {is_sure.sum()} of them of which the float network is more than half sure"
    metrics = [
        Metric(
            name="top1_agreement_with_fp32",
            value=float(same_best(found).mean()),
            dataset=dataset,
            split=every,
            baselines={"every layer in int8": float(same_best(other).mean())},
        ),
        Metric(
            name="mean_largest_difference_of_a_probability",
            value=gap(found),
            dataset=dataset,
            split=every,
            baselines={"every layer in int8": gap(other)},
        ),
    ]
    if is_sure.any():
        metrics.append(
            Metric(
                name="top1_agreement_with_fp32_where_sure",
                value=float(same_best(found)[is_sure].mean()),
                dataset=dataset,
                split=sure,
                baselines={"every layer in int8": float(same_best(other)[is_sure].mean())},
            )
        )
    return metrics


def probabilities(graph: Path, images: npt.NDArray[np.uint8]) -> Probabilities:
    session = load_onnx(graph, RuntimeOptions(device="cpu", threads=2))
    return np.concatenate([session.run({"image": image[np.newaxis]})["probabilities"] for image in images]).astype(
        np.float32
    )


def speed(fp32: Path, served: Path, rounds: int = 100) -> list[Metric]:
    """Images a second, one at a time, both graphs in turns; the fastest tenth too, as the machine may be busy."""
    batch: Tensors = {"image": np.zeros((1, SIZE, SIZE, 3), np.uint8)}
    metrics = []
    for threads in (1, 2):
        sessions = [load_onnx(graph, RuntimeOptions(device="cpu", threads=threads)) for graph in (fp32, served)]
        seconds = np.zeros((rounds, 2))
        for taken in seconds:
            for i, session in enumerate(sessions):
                started = time.perf_counter()
                session.run(batch)
                taken[i] = time.perf_counter() - started
        for name, quantile in (("median", 0.5), ("fastest_tenth", 0.1)):
            slow, fast = 1 / np.quantile(seconds, quantile, axis=0)
            metrics.append(
                Metric(
                    name=f"images_per_second_{name}_{threads}_thread{'s' * (threads > 1)}",
                    value=round(float(fast), 1),
                    dataset="one image at a time, network only",
                    split=f"{rounds} runs on the machine that built this",
                    baselines={"fp32": round(float(slow), 1)},
                )
            )
    return metrics


def golden(graph: Path, names: Sequence[str]) -> list[Example]:
    """Photos with the number of labels, up to three, whose order no tolerated difference can change."""
    examples = []
    for file in (thumbnail(photos.scikit_photos()[name]) for name in ("cat", "coffee", "temple", "rocket")):
        best = best_labels(probabilities(graph, squares([file]))[0], names, 4)
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
    summary="which of 1,000 things a photo shows (EfficientNet-Lite0, 8 bits)",
    make=make,
    held_out=held_out,
    must_reach={"top1_agreement_with_fp32": 0.95},
)
