"""Files that are used only if they are those that were meant."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from training.errors import TrainingError


def require_sha256(path: Path, sha256: str, name: str = "") -> Path:
    """Return `path`, which people know by `name`. Raises TrainingError if it is another file."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise TrainingError(f"{name or path} is not used: its sha256 is {found} and must be {sha256}")
    return path


def joined(parts: Sequence[Path], path: Path, sha256: str) -> Path:
    """The file of these parts, whose hash is that of the whole: the only one, or `path`, to which they are copied.

    Raises TrainingError if it is another file.
    """
    if len(parts) == 1:
        return require_sha256(parts[0], sha256)
    with path.open("wb") as whole:
        for part in parts:
            with part.open("rb") as file:
                shutil.copyfileobj(file, whole)
    return require_sha256(path, sha256)
