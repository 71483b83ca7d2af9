"""A classifier of the repository as it is served, to be asked by a recipe that needs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.repository.manifest import Manifest
from app.repository.repository import ModelRepository
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.tasks import task_of
from app.tasks.view import View, predict_json
from app.tensors import Session
from training.errors import TrainingError

AT_A_TIME = 16  # rows that are computed together


@dataclass(frozen=True, slots=True)
class Scored:
    """`scores` of the labels, fp64 [items, labels]; and how sure the model is, as the service sees it, fp64 [items]."""

    scores: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OpenedVersion:
    """A version, opened; each item makes one row."""

    manifest: Manifest
    files: Mapping[str, Path]
    view: View[Any]
    sessions: Mapping[str, Session]

    @property
    def title(self) -> str:
        return f"{self.manifest.name}, version {self.manifest.version}"

    @property
    def labels(self) -> list[str]:
        """Their names; two classes of one name are one."""
        (names,) = self.view.kernel.class_names.values()
        return list(dict.fromkeys(names))

    def rows(self, items: Sequence[Any]) -> "PreparedRows":
        Input, parameters = self.view.contract.Input, self._parameters()
        return PreparedRows(self, [self.view.preprocess(Input.model_validate(item), parameters) for item in items])

    def answers(self, items: Sequence[Any]) -> Scored:
        """Of all items, in their order."""
        labels, rows, parameters = self.labels, self.rows(items), self._parameters()
        place = {label: number for number, label in enumerate(labels)}
        found = Scored(np.zeros((len(items), len(labels))), np.zeros(len(items)))
        confidence = self.view.contract.confidence
        assert confidence
        for chunk in rows.chunks(AT_A_TIME):
            for i, answer in zip(chunk, rows.run(chunk), strict=True):
                output = self.view.postprocess(rows.prepared[i], [answer], parameters)
                for label in reversed(output):  # of one name the best counts
                    found.scores[i, place[label.label]] = label.score
                found.confidence[i] = confidence(output, parameters)
        return found

    def answer(self, item: Any, parameters: Mapping[str, Any]) -> Any:
        return predict_json(self.view, self.sessions, item, parameters)

    def confidence(self, item: Any, parameters: Mapping[str, Any]) -> float | None:
        """Return how sure it is of its answer to one item alone, asked with these parameters."""
        chosen = self.view.contract.Parameters.model_validate(parameters)
        prepared = self.view.preprocess(self.view.contract.Input.model_validate(item), chosen)
        assert self.view.contract.confidence
        return self.view.contract.confidence(self.view.answer_alone(self.sessions, prepared, chosen), chosen)

    def _parameters(self) -> Any:
        """Those of a request for all labels, whatever the length of a text."""
        known = {"top_k": len(next(iter(self.view.kernel.class_names.values()))), "truncate": True}
        kind = self.view.contract.Parameters
        return kind.model_validate({name: value for name, value in known.items() if name in kind.model_fields})


@dataclass(frozen=True, slots=True)
class PreparedRows:
    """Prepared items of one version, of which some are computed together by their numbers."""

    of: OpenedVersion
    prepared: Sequence[Any]

    def chunks(self, size: int) -> list[list[int]]:
        """All items, in groups of similar length."""
        lengths = [self.of.view.kernel.length(one.rows[0]) for one in self.prepared]
        order = np.argsort(lengths, kind="stable").tolist()
        return [order[i : i + size] for i in range(0, len(order), size)]

    def run(self, chunk: Sequence[int]) -> Any:
        """The network alone."""
        return self.of.view.kernel.run(self.of.sessions, [self.prepared[i].rows[0] for i in chunk])


def open_published(models: Path, name: str) -> OpenedVersion:
    """The newest version of a classifier. Raises TrainingError if there is none, and InvalidArtifact."""
    repository = ModelRepository(models)
    versions = repository.versions(name)
    if not versions:
        raise TrainingError(
            f"{models} has no {name}, which the cascade asks: python -m training {name} --models {models} makes it"
        )
    manifest = repository.read(name, versions[0])
    files, kind = repository.verify(manifest), task_of(manifest.task, manifest.config)
    view = kind.own(kind.open(manifest.config, files))
    if view.contract.confidence is None:
        raise TrainingError(f"{name} is of {manifest.task}, whose answers do not tell how sure a model is of them")
    options = RuntimeOptions(device="cpu", precision=manifest.precision)
    sessions = {graph: RUNTIMES[manifest.runtime](files[file], options) for graph, file in manifest.graphs.items()}
    return OpenedVersion(manifest, files, view, sessions)
