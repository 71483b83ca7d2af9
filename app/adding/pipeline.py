"""`python -m app models add steps.json`: models in a row as a model of their own."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from app.adding.of_steps import StepWish, WishOfSteps, asked_of, fields_of, publish_answered, read_wish, refused
from app.repository.pipeline import PipelineManifest, References, Step
from app.repository.repository import ModelRepository


class PipelineStepWish(StepWish):
    view: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, References] = Field(default_factory=dict)


class PipelineWish(WishOfSteps):
    steps: Annotated[list[PipelineStepWish], Field(min_length=2)]


def add_pipeline(file: Path, name: str, models: Path) -> PipelineManifest:
    """Publish the steps that `file` names under `models`, as the next version of `name`.

    The whole is run on the example, and what it answers is its golden example, if it answers the same again. Raises
    InvalidInput for a bad name and InvalidArtifact for steps that are not there or do not fit; nothing is published
    then.
    """
    wish, repository = read_wish(file, name, PipelineWish), ModelRepository(models)
    steps = tuple(_pinned(step, repository, file.name) for step in wish.steps)
    with refused(file.name):
        manifest = PipelineManifest(name=name, version=1, steps=steps, **fields_of(wish, file, name))
    return publish_answered(manifest, models, wish.example)


def _pinned(wish: PipelineStepWish, repository: ModelRepository, file: str) -> Step:
    asked = asked_of(wish, repository)
    with refused(f"{file}: step {wish.name:.32}"):
        return Step(version=asked.version, task=asked.task, **wish.model_dump(exclude={"version"}))
