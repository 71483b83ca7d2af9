"""An EfficientNet-Lite in float and in 8 bits."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from training.data import imagenet
from training.data.photos import Photos, squares
from training.errors import TrainingError
from training.graphs.export import exported
from training.graphs.quantize import quantize_static_int8
from training.networks.efficientnet_lite import EfficientNetLite, Scaling, load_weights
from training.networks.pixel_classifier import PixelClassifier
from training.recipe import Exported


@dataclass(frozen=True, slots=True)
class Size:
    """A network to publish. `float_layers`, counted from the input, stay in float; chosen on the validation photos.

    `published`: per cent of ImageNet's validation images that it gets right in float and in 8 bits, by its authors;
    None of weights that are not theirs.
    """

    title: str
    scaling: Scaling
    weights: imagenet.Weights | imagenet.OwnWeights
    float_layers: int
    published: tuple[float, float] | None

    @property
    def side(self) -> int:
        return self.scaling.image_size


@dataclass(frozen=True, slots=True)
class Graphs:
    """The graphs of a network: in float, in 8 bits as it is served, and with every layer in 8 bits."""

    size: Size
    fp32: Path
    served: Path
    plain: Path
    exported: Exported


def with_weights(size: Size, source: str) -> Size:
    """The same network with weights of one's own. Raises TrainingError if they are not of such a network."""
    names = list(EfficientNetLite(size.scaling).state_dict())
    own = replace(size, weights=imagenet.own_weights(source, size.weights.network, names), published=None)
    classifier(own)  # what is wrong with them is said before photos are fetched
    return own


def classifier(size: Size) -> PixelClassifier:
    """Return the network in float. Raises TrainingError if the weights are not of such a network."""
    made = PixelClassifier(EfficientNetLite(size.scaling)).eval()
    try:
        load_weights(made.network, size.weights.load())
    except ValueError as error:
        raise TrainingError(f"{size.weights.file}: {error}") from error
    return made


def build_graphs(size: Size, used: Photos, folder: Path) -> Graphs:
    name = size.title.lower()
    calibration = squares(used.calibration, size.side)
    images = {"image": calibration[:16]}
    float_graph = exported(classifier(size), images, folder / f"{name}.fp32.onnx", ["probabilities"])
    fp32 = float_graph.path
    batches = [{"image": square[np.newaxis]} for square in calibration]
    return Graphs(
        size,
        fp32,
        quantize_static_int8(fp32, folder / f"{name}.int8.onnx", batches, float_layers=size.float_layers),
        quantize_static_int8(fp32, folder / f"{name}.plain.onnx", batches),
        float_graph,
    )
