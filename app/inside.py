"""Files that are named from elsewhere, and must lie inside one folder."""

from os.path import realpath
from pathlib import Path, PurePosixPath


def leads_out(name: str) -> bool:
    """Return whether a path leaves the folder where it begins, by its name, on any system."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name


def found_in(folder: Path, name: str) -> Path | None:
    """Return the place to which links lead from `name`; None if it is not inside `folder`, which has none in its path.

    A loop of links is a file that is not there.
    """
    path = Path(realpath(folder / name))
    return path if path.is_relative_to(folder) else None
