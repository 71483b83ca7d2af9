"""The files that belong to a graph: itself, and the weights that it keeps beside it."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

from app.errors import InvalidArtifact
from app.repository.publish import MANIFEST
from app.runtimes.onnx_weights import weights_beside


def files_of(file: Path) -> dict[str, Path]:
    """Return where the files of a version lie now, by the names of its artifacts.

    Raises InvalidArtifact if weights are missing, or are to be read from outside the folder of the graph.
    """
    return {file.name: file, **dict(_weights(file))}


def copied(files: dict[str, Path], folder: Path) -> dict[str, Path]:
    """Return the same files, copied to a folder where only they are: what works there works in the repository."""
    copies = {artifact: folder / artifact for artifact in files}
    for artifact, copy in copies.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        copyfile(files[artifact], copy)
    return copies


def _weights(file: Path) -> Iterator[tuple[str, Path]]:
    if file.suffix != ".onnx":
        return
    for name, path in weights_beside(file).items():
        if name in (MANIFEST, file.name):
            raise InvalidArtifact(f"{file.name} reads weights from {name!r}; save them under another name")
        if not path.is_file():
            raise InvalidArtifact(f"{file.name} reads weights from {name!r}, which is not there")
        yield name, path
