"""A JSON file of steps, which is that of a cascade if a step says which confidence is enough, else of a pipeline."""

from pathlib import Path

from pydantic_core import from_json

from app.adding.cascade import add_cascade
from app.adding.pipeline import add_pipeline
from app.repository.of_steps import ManifestOfSteps

SUFFIX = ".json"


def add_steps(file: Path, name: str, models: Path) -> ManifestOfSteps:
    """Publish the steps that `file` names under `models`, as the next version of `name`.

    Raises InvalidInput and InvalidArtifact; nothing is published then.
    """
    return (add_cascade if _is_cascade(file) else add_pipeline)(file, name, models)


def _is_cascade(file: Path) -> bool:
    try:
        return any("enough" in step for step in from_json(file.read_bytes())["steps"])
    except (OSError, LookupError, TypeError, ValueError):  # which is told when it is read as a pipeline
        return False
