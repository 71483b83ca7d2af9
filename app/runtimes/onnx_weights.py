"""The files beside an ONNX graph from which it reads weights, and that it reads no others."""

from collections.abc import Iterable
from os.path import realpath
from pathlib import Path, PurePosixPath

from app.errors import InvalidArtifact
from app.runtimes.onnx_file import OnnxFile


def weights_beside(graph: Path) -> dict[str, Path]:
    """Return where the files lie from which `graph` reads weights, by their names; opens none of them.

    Raises InvalidArtifact if one is not inside the folder of the graph.
    """
    folder = graph.parent.resolve()
    found = {}
    for location in _locations(graph):
        path = PurePosixPath(location)
        # A star begins the names by which ONNX Runtime means memory, and no file.
        if path.is_absolute() or ".." in path.parts or any(one in location for one in "\\\0*"):
            raise InvalidArtifact(f"{graph.name} reads weights from {location!r}, which is not inside its folder")
        found[str(path)] = Path(realpath(folder / path))  # which takes a loop of links for a file that is not there
        if not found[str(path)].is_relative_to(folder):
            raise InvalidArtifact(f"{graph.name} reads weights from {location!r}, a link out of its folder")
    return found


def require_listed(graph: Path, files: Iterable[Path]) -> None:
    """Raises InvalidArtifact if `graph` reads weights from any file but `files`, which somebody vouches for."""
    listed = {path.resolve() for path in files}
    for name, path in weights_beside(graph).items():
        if path not in listed:
            raise InvalidArtifact(f"{graph.name} reads weights from {name!r}, which its manifest does not list")


def _locations(graph: Path) -> list[str]:
    try:
        return OnnxFile(graph).external_files()
    except InvalidArtifact as error:
        raise InvalidArtifact(f"{graph.name} is not an ONNX graph that can be run: {error}") from error
