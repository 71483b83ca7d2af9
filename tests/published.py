"""Published versions, opened as the service opens them."""

from functools import partial
from pathlib import Path

import pytest

from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.loading import Loaded, open_version
from training.build import build
from training.errors import TrainingError
from training.recipe import Recipe, Run


def opened(models: Path, name: str, version: int = 1) -> Loaded:
    """A version in memory, by its files alone. Raises InvalidArtifact if a golden example has another answer now."""
    repository = ModelRepository(models)
    manifest = repository.read(name, version)
    return open_version(manifest, partial(repository.verify, manifest), RuntimeOptions(device="cpu"), num_lanes=1)


def built(recipe: Recipe, run: Run, models: Path) -> Path:
    """The folder of a version that `recipe` makes; the test is skipped where its data cannot be had."""
    run.workdir.mkdir(exist_ok=True)
    try:
        build(recipe, run, models)
    except TrainingError as error:
        pytest.skip(str(error))
    return models / recipe.name / "1"
