"""`python -m app models add`: put a file into the repository as a model of the task "tensors"."""

import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

from app.adding.examples import golden_example, read_example, write_example
from app.adding.files import copied, files_of
from app.adding.finding import Finding, find
from app.adding.graph import FORMATS, ON_CPU, Graph
from app.adding.labels import class_names, read_labels
from app.adding.photos import as_photos
from app.adding.served_as import ServedAs
from app.adding.sizes import Sizes
from app.errors import InvalidArtifact, InvalidInput
from app.repository.manifest import Batching, Manifest, Provenance, is_model_name
from app.repository.publish import publish
from app.runtimes.refusals import sentence
from app.serving.loading import load
from app.tasks.tensors import EXAMPLE, RawTensors, RawTensorsConfig, TensorsKernel


@dataclass(frozen=True, slots=True)
class Wishes:
    """Facts that a file does not tell: files of an example and of class names, sizes by name."""

    sizes: Sizes = field(default_factory=dict)
    example: Path | None = None
    labels: Path | None = None
    photos: str | None = None
    """The scale in which the graph reads photos, one of SCALES; None if it is served tensors."""

    def __str__(self) -> str:
        options = [f"--size {quote(f'{name}={size}')}" for name, size in self.sizes.items()]
        options += [f"--example {quote(self.example.name)}"] if self.example else []
        options += [f"--labels {quote(self.labels.name)}"] if self.labels else []
        options += [f"--photos {self.photos}"] if self.photos else []
        return "".join(f" {option}" for option in options)


@dataclass(frozen=True, slots=True)
class Added:
    """A published version; `unbatched` says why rows share no batch, and is empty if they do."""

    manifest: Manifest
    unbatched: str


def add_model(file: Path, name: str, models: Path) -> Manifest:
    """Publish a graph under `models` as the next version of `name`; see `add`."""
    return add(file, name, models).manifest


def add(file: Path, name: str, models: Path, wishes: Wishes = Wishes()) -> Added:
    """Publish a graph under `models` as the next version of `name`, a model of the task "tensors".

    Its signature is read from the file, and what neither the file nor `wishes` tell is found by running it: how large
    varying dimensions must be, whether rows may share a batch, and one golden example. Weights that it keeps in other
    files of its folder come along. The service's own loader has the last word.

    Raises InvalidInput for a bad name or wish and InvalidArtifact for a file that cannot be served; nothing is
    published then.
    """
    if not is_model_name(name):
        raise InvalidInput(f"{name!r} is not a model's name: lower-case letters and digits, joined by - _ or .")
    if not file.is_file():
        raise InvalidArtifact(f"{file} is not a file")
    if file.suffix not in FORMATS:
        raise InvalidArtifact(f"{file.name}: only {' and '.join(FORMATS)} files can be added")
    try:
        with tempfile.TemporaryDirectory(prefix="tessera-") as folder:
            return _publish(copied(files_of(file), Path(folder)), file.name, name, models, wishes)
    except MemoryError as error:
        raise InvalidArtifact(f"{file.name} needs more memory than there is: {sentence(str(error))}") from error


def _publish(files: dict[str, Path], file: str, name: str, models: Path, wishes: Wishes) -> Added:
    started = time.monotonic()
    example = read_example(wishes.example) if wishes.example else None
    labels = read_labels(wishes.labels) if wishes.labels else None
    graph = Graph(files[file])
    finding = find(file, graph, wishes.sizes, example)
    config = finding.config.model_copy(update={"class_names": class_names(graph, finding.config.outputs, labels)})
    if config.probe == "example" and finding.row is not None:
        files[EXAMPLE] = files[file].parent / EXAMPLE
        write_example(files[EXAMPLE], finding.row)
    form = as_photos(graph, config, wishes.photos) if wishes.photos else _as_tensors(graph, config, finding, files)
    manifest = publish(
        models,
        name,
        files,
        check=lambda manifest, published: load(manifest, lambda: published, ON_CPU),
        task=form.task,
        config=form.config.model_dump(mode="json"),
        description=f"{file}, served as it is: {form.about}.",
        runtime=graph.runtime,
        graphs={"model": file},
        inputs=tuple(config.inputs),
        outputs=tuple(config.outputs),
        batching=Batching(max_batch_size=finding.largest),
        limits=form.limits,
        golden=form.golden,
        provenance=Provenance(
            recipe="models add",
            command=f"python -m app models add {quote(file)} --name {name}{wishes}",
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            duration_s=round(time.monotonic() - started, 1),
        ),
    )
    return Added(manifest, finding.unbatched)


def _as_tensors(graph: Graph, config: RawTensorsConfig, finding: Finding, files: dict[str, Path]) -> ServedAs:
    view = RawTensors(TensorsKernel(config, files))
    golden, limits = golden_example(view, graph.session, finding.row, finding.fault)
    return ServedAs(RawTensors.contract.name, config, golden, limits, "tensors in, tensors out")
