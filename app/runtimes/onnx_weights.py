"""The files beside an ONNX graph from which it reads weights, and that it reads no others."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from app.errors import InvalidArtifact
from app.inside import found_in, leads_out
from app.runtimes.onnx_file import OnnxFile


def weights_beside(graph: Path) -> dict[str, Path]:
    """Return where the files lie from which `graph` reads weights, by their names; opens none of them.

    Raises InvalidArtifact if one is not inside the folder of the graph.
    """
    folder = graph.parent.resolve()
    found = {}
    for location in _locations(graph):
        # A star begins the names by which ONNX Runtime means memory, and no file.
        if leads_out(location) or "*" in location:
            raise InvalidArtifact(f"{graph.name} reads weights from {location!r}, which is not inside its folder")
        path = found_in(folder, location)
        if path is None:
            raise InvalidArtifact(f"{graph.name} reads weights from {location!r}, a link out of its folder")
        found[str(PurePosixPath(location))] = path
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
