"""`python -m app models add`: put a file into the repository as a model of the task "tensors"."""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from shutil import copyfile

from app.adding.examples import golden_example
from app.adding.finding import Opened, find_config
from app.adding.sizes import ANY_SIZES, Sizes
from app.errors import InvalidArtifact, InvalidInput
from app.repository.manifest import Batching, Manifest, Provenance, TensorSpec, is_model_name
from app.repository.publish import publish
from app.runtimes import PROGRAMS, RUNTIMES
from app.runtimes.onnx import signature_of_onnx
from app.runtimes.options import RuntimeOptions
from app.runtimes.pytorch import signature_of_pytorch
from app.runtimes.signature import Signature
from app.serving.model import load
from app.tasks.tensors import RawTensors, TensorField

ON_CPU = RuntimeOptions(device="cpu")


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file that can be added."""

    runtime: str
    signature_of: Callable[[Path], Signature]


FORMATS = {".onnx": Format("onnx", signature_of_onnx), ".pt2": Format("pytorch", signature_of_pytorch)}


@dataclass(frozen=True, slots=True)
class Added:
    """What was published; `unbatched` says why rows share no batch, and is empty if they do."""

    manifest: Manifest
    unbatched: str


def add_model(file: Path, name: str, models: Path, sizes: Sizes = ANY_SIZES) -> Manifest:
    """Publish a graph under `models` as the next version of `name`; see `add`."""
    return add(file, name, models, sizes).manifest


def add(file: Path, name: str, models: Path, sizes: Sizes = ANY_SIZES) -> Added:
    """Publish a graph under `models` as the next version of `name`, a model of the task "tensors".

    Its signature is read from the file, and what the file does not tell is found by running it: how large varying
    dimensions must be, unless `sizes` says so, whether rows may share a batch, and one golden example. Weights that an
    ONNX file keeps in `<file>.data` beside it come along. The service's own loader has the last word.

    Raises InvalidInput for a bad name or size and InvalidArtifact for a file that cannot be served; nothing is
    published then.
    """
    if not is_model_name(name):
        raise InvalidInput(f"{name!r} is not a model's name: lower-case letters and digits, joined by - _ or .")
    if not file.is_file():
        raise InvalidArtifact(f"{file} is not a file")
    if file.suffix not in FORMATS:
        raise InvalidArtifact(f"{file.name}: only {' and '.join(FORMATS)} files can be added")
    kind = FORMATS[file.suffix]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tessera-") as folder:
        # Opened where only these files are, so that what works here works in the repository.
        files = {one.name: Path(folder) / one.name for one in (file, Path(f"{file}.data")) if one.is_file()}
        for artifact, copy in files.items():
            copyfile(file.parent / artifact, copy)
        graph = files[file.name]
        try:
            opened = Opened(
                kind.signature_of(graph), RUNTIMES[kind.runtime](graph, ON_CPU), partial(PROGRAMS[kind.runtime], graph)
            )
            finding = find_config(file.name, opened, sizes)
            golden, limits = golden_example(RawTensors(finding.config, {}), opened.session)
            manifest = publish(
                models,
                name,
                files,
                check=_load,
                task=RawTensors.name,
                description=f"{file.name}, served as it is: tensors in, tensors out.",
                runtime=kind.runtime,
                graphs={"model": file.name},
                inputs=tuple(map(_spec, finding.config.inputs)),
                outputs=tuple(map(_spec, finding.config.outputs)),
                config=finding.config.model_dump(mode="json"),
                batching=Batching(max_batch_size=finding.largest if finding.config.batched else 1),
                limits=limits,
                golden=golden,
                provenance=Provenance(
                    recipe="models add",
                    command=f"python -m app models add {file.name} --name {name}",
                    created=datetime.now(UTC).isoformat(timespec="seconds"),
                    duration_s=round(time.monotonic() - started, 1),
                ),
            )
        except MemoryError as error:
            raise InvalidArtifact(f"{file.name} needs more memory than this machine has: {error}") from error
    return Added(manifest, finding.unbatched)


def _load(manifest: Manifest, files: Mapping[str, Path]) -> None:
    load(manifest, lambda: files, ON_CPU)


def _spec(tensor: TensorField) -> TensorSpec:
    return TensorSpec(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
