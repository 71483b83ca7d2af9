"""The quality of generated pictures: a published classifier looks at them beside real ones.

Paper: Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium" (2017), for
the distance. With another network than theirs its values can be compared with each other, not with those of papers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort

from app.repository.manifest import Metric, Source
from app.repository.publish import MANIFEST, sha256_of, version_numbers
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from training.data.fashion_mnist import FashionMnist
from training.errors import TrainingError

BATCH = 100  # pictures at a time
Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Opinion:
    """`features` [pictures, width] before the last layer, `classes` int [pictures], the most likely ones."""

    features: Floats
    classes: npt.NDArray[np.int64]


class Judge:
    """A published image classifier, whose features are the input of its last matrix product."""

    def __init__(self, graph: Path) -> None:
        model = onnx.load(graph)
        features = next(node.input[0] for node in reversed(model.graph.node) if node.op_type in ("Gemm", "MatMul"))
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(features))
        self._session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        self._outputs = [features, "probabilities"]

    def look_at(self, pixels: Pixels) -> Opinion:
        """`pixels` uint8 [pictures, height, width]"""
        images = np.repeat(pixels[..., np.newaxis], 3, axis=3)
        parts = [
            self._session.run(self._outputs, {"image": images[i : i + BATCH]}) for i in range(0, len(images), BATCH)
        ]
        features, probabilities = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Opinion(features.astype(np.float64), probabilities.argmax(1))


def published(graph: Path, name: str, used_for: str) -> Source:
    """A version of a model of ours, by its graph, as a source of another."""
    return Source(name=name, version=graph.parent.name, licence="MIT", sha256=sha256_of(graph), used_for=used_for)


def newest_graph(models: Path, name: str) -> Path:
    """The graph of the newest published version of a model. Raises TrainingError."""
    versions = [
        number for number in version_numbers(models / name) if (models / name / str(number) / MANIFEST).exists()
    ]
    if not versions:
        raise TrainingError(f"{models} has no {name}, which is needed to judge samples: python -m training {name}")
    return models / name / str(versions[-1]) / "model.onnx"


def paint(graph: Path, classes: npt.NDArray[np.int64], seed: int) -> Pixels:
    """One sample of an exported generator for each of `classes`, uint8 [samples, height, width]."""
    session = load_onnx(graph, RuntimeOptions(device="cpu", threads=1))
    (latent,) = (one.shape[1] for one in session.inference.get_inputs() if one.name == "noise")
    noise = np.random.default_rng(seed).standard_normal((len(classes), latent), np.float32)
    parts = [
        session.run({"noise": noise[i : i + BATCH], "class": classes[i : i + BATCH]})["image"]
        for i in range(0, len(classes), BATCH)
    ]
    return np.concatenate(parts)[..., 0]


def measure_samples(
    judge: Judge, ours: Pixels, baselines: Mapping[str, Pixels], garments: FashionMnist
) -> list[Metric]:
    """Samples, as many as test pictures and of the same classes, beside the test pictures and those of `baselines`.

    The distance that is saved is a share of the first baseline's.
    """
    classes = garments.test.classes
    real = judge.look_at(garments.test.pixels)
    seen = {name: judge.look_at(pixels) for name, pixels in {"this": ours, **baselines}.items()}
    distance = {name: frechet_distance(one.features, real.features) for name, one in seen.items()}
    right = {name: float((one.classes == classes).mean()) for name, one in seen.items()}
    saved = {name: 1 - found / distance[next(iter(baselines))] for name, found in distance.items()}
    training = judge.look_at(garments.train.pixels[: len(classes)])
    distance["training pictures"] = frechet_distance(training.features, real.features)
    right["test pictures"] = float((real.classes == classes).mean())
    split = f"{len(classes):,} samples beside the test pictures, judged by fashion-mnist"
    return [
        Metric(name=name, value=found.pop("this"), dataset="Fashion-MNIST", split=split, baselines=found)
        for name, found in (
            ("accuracy_of_samples", right),
            ("frechet_distance", distance),
            ("frechet_distance_saved", saved),  # the share by which it is smaller: the more the better
        )
    ]


def frechet_distance(one: Floats, other: Floats) -> float:
    """Return the distance of two samples [pictures, width], each taken as normally distributed; 0 if alike."""
    (mean, root), (other_mean, other_root) = (_moments(features) for features in (one, other))
    shared = np.linalg.svd(root @ other_root, compute_uv=False).sum()  # the trace of the root of the product
    spread = np.square(root).sum() + np.square(other_root).sum() - 2 * shared
    return float(np.square(mean - other_mean).sum() + spread)


def _moments(features: Floats) -> tuple[Floats, Floats]:
    """The mean, and the symmetric root of the covariance."""
    values, vectors = np.linalg.eigh(np.cov(features, rowvar=False))
    return features.mean(0), (vectors * np.sqrt(values.clip(0))) @ vectors.T


def nearest(sample: Pixels, pixels: Pixels) -> Pixels:
    """Return the picture of `pixels` [pictures, height, width] with the smallest Euclidean distance to `sample`."""
    distances = [np.square(picture.astype(np.int32) - sample).sum() for picture in pixels]
    found: Pixels = pixels[int(np.argmin(distances))]
    return found
