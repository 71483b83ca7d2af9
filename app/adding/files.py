"""The files that belong to a graph: itself, and the weights that it keeps beside it."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from shutil import copyfile

from app.errors import InvalidArtifact
from app.repository.publish import MANIFEST
from app.runtimes.onnx_file import OnnxFile


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
    folder = file.parent.resolve()
    for location in _locations(file):
        path = PurePosixPath(location)
        if path.is_absolute() or ".." in path.parts or "\\" in location or "\0" in location:
            raise InvalidArtifact(f"{file.name} reads weights from {location!r}, which is not inside its folder")
        if str(path) in (MANIFEST, file.name):
            raise InvalidArtifact(f"{file.name} reads weights from {location!r}; save them under another name")
        found = (folder / path).resolve()
        if not found.is_relative_to(folder):
            raise InvalidArtifact(f"{file.name} reads weights from {location!r}, a link out of its folder")
        if not found.is_file():
            raise InvalidArtifact(f"{file.name} reads weights from {location!r}, which is not there")
        yield str(path), found


def _locations(file: Path) -> list[str]:
    if file.suffix != ".onnx":
        return []
    try:
        return OnnxFile(file).external_files()
    except InvalidArtifact:
        return []  # ONNX Runtime says in other words what is wrong with it
