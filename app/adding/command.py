"""`python -m app models add`: put a file into the repository, as a model of tensors or of what its classes tell."""

import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

from app.adding.examples import golden_example, read_example, write_example
from app.adding.files import copied, files_of
from app.adding.finding import Finding, find
from app.adding.graph import FORMATS, ON_CPU, Graph
from app.adding.kinds import FEATURES, PHOTOS, TENSORS, TEXTS, task_for
from app.adding.labels import class_names, read_labels
from app.adding.photo_classes import as_photo_classes
from app.adding.photos import as_photos
from app.adding.served_as import ServedAs
from app.adding.texts import as_texts
from app.adding.wishes import NO_WISHES, Wishes
from app.errors import InvalidArtifact, InvalidInput
from app.repository.manifest import Batching, Manifest, Provenance, is_model_name
from app.repository.publish import publish
from app.runtimes.refusals import sentence
from app.serving.loading import load
from app.tasks.tensors import EXAMPLE, RawTensors, TensorsKernel


@dataclass(frozen=True, slots=True)
class Added:
    """A published version; `unbatched` says why rows share no batch, and is empty if they do.

    `said` are sentences on what was found of it.
    """

    manifest: Manifest
    unbatched: str
    said: tuple[str, ...] = ()


def add_model(file: Path, name: str, models: Path) -> Manifest:
    """Publish a graph under `models` as the next version of `name`; see `add`."""
    return add(file, name, models).manifest


def add(file: Path, name: str, models: Path, wishes: Wishes = NO_WISHES) -> Added:
    """Publish a graph under `models` as the next version of `name`, a model of the task that `wishes` tell.

    Its signature is read from the file, and what neither the file nor `wishes` tell is found by running it: how large
    varying dimensions must be, whether rows may share a batch, and golden examples. Weights that it keeps in other
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
    graph = Graph(files[file])
    form = _form(task_for(graph.signature, wishes), file, graph, files, wishes)
    manifest = publish(
        models,
        name,
        files,
        check=lambda manifest, published: load(manifest, lambda: published, ON_CPU),
        task=form.task,
        config=form.config.model_dump(mode="json", exclude_unset=True),
        description=f"{file}, served as it is: {form.about}.",
        runtime=graph.runtime,
        graphs={"model": file},
        inputs=tuple(form.inputs),
        outputs=tuple(form.outputs),
        batching=Batching(max_batch_size=form.largest),
        limits=form.limits,
        golden=form.golden,
        provenance=Provenance(
            recipe="models add",
            command=f"python -m app models add {quote(file)} --name {name}{wishes}",
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            duration_s=round(time.monotonic() - started, 1),
        ),
    )
    return Added(manifest, form.unbatched, form.said)


def _form(task: str, file: str, graph: Graph, files: dict[str, Path], wishes: Wishes) -> ServedAs:
    """Add to `files` what else such a version needs."""
    if task == TEXTS:
        return as_texts(graph, files, wishes)
    if task == PHOTOS:
        return as_photo_classes(graph, files, wishes)
    example = read_example(wishes.example) if wishes.example else None
    finding = find(file, graph, wishes.sizes, example)
    if task == FEATURES:
        return as_photos(graph, finding, wishes.photos)
    return _as_tensors(graph, finding, files, wishes.labels)


def _as_tensors(graph: Graph, finding: Finding, files: dict[str, Path], labels: Path | None) -> ServedAs:
    names = class_names(graph, finding.config.outputs, read_labels(labels) if labels else None)
    config = finding.config.model_copy(update={"class_names": names})
    if config.probe == "example" and finding.row is not None:
        files[EXAMPLE] = graph.folder / EXAMPLE
        write_example(files[EXAMPLE], finding.row)
    view = RawTensors(TensorsKernel(config, files))
    golden, limits = golden_example(view, graph.session, finding.row, finding.fault)
    return ServedAs(
        TENSORS,
        config,
        golden,
        limits,
        "tensors in, tensors out",
        inputs=config.inputs,
        outputs=config.outputs,
        largest=finding.largest,
        unbatched=finding.unbatched,
    )
