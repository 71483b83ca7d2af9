"""The command that imports a model, run in a folder of a test."""

from pathlib import Path
from typing import Any

from published import opened

from app.tasks.view import View
from app.tensors import Session
from training.__main__ import main


def imported(folder: Path, *options: str) -> int:
    """The status of importing the model in `folder`, into `models` beside it."""
    places = ["--models", str(folder.parent / "models"), "--workdir", str(folder.parent / "work")]
    return main(["import", str(folder), *places, *options])


def served(folder: Path, *options: str) -> tuple[View[Any], dict[str, Session]]:
    """The imported model as the service opens it: its own view, and its sessions."""
    assert imported(folder, *options) == 0
    loaded = opened(folder.parent / "models", folder.name)
    return loaded.views[0], dict(loaded.sessions)
