"""Names of imported models: no recipe makes one of the same name."""

import re
from pathlib import Path

from app.repository.manifest import is_model_name
from app.repository.repository import ModelRepository
from training.errors import TrainingError
from training.recipes import RECIPES

NAME = "import"  # instead of that of a recipe, in what is told of how a version was made


def slug(text: str) -> str:
    """Lower-case words joined by hyphens, as names of models are, or nothing."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def require_free(name: str, models: Path) -> None:
    """Raises TrainingError if a model of this name is, or could be, made by a recipe, or if it is no name."""
    if not is_model_name(name):
        raise TrainingError(f"{name[:40]!r} is no name for a model; choose one with --name")
    repository = ModelRepository(models)
    versions = repository.versions(name)
    made = repository.read(name, max(versions)).provenance if versions else None
    if name in RECIPES or (versions and (made is None or made.recipe != NAME)):
        raise TrainingError(f"{name} is the name of a model that was not imported; choose another --name")
