"""`python -m app models add cascade.json`: models for the same task, of which the last is asked least."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from app.adding.of_steps import StepWish, WishOfSteps, asked_of, fields_of, publish_answered, read_wish, refused
from app.errors import InvalidArtifact
from app.repository.cascade import CascadeManifest, CascadeStep
from app.repository.manifest import Manifest
from app.repository.of_steps import ManifestOfSteps
from app.repository.repository import ModelRepository


class CascadeStepWish(StepWish):
    enough: Annotated[float | None, Field(gt=0, le=1, description="none of the last step")] = None


class CascadeWish(WishOfSteps):
    steps: Annotated[list[CascadeStepWish], Field(min_length=2)]


def add_cascade(file: Path, name: str, models: Path) -> CascadeManifest:
    """Publish the steps that `file` names under `models`, as the next version of `name`.

    It is as the last step is asked. The whole is run on the example, that of the last step if the file has none, and
    what it answers is its golden example. Raises InvalidInput for a bad name and InvalidArtifact for steps that are
    not there or do not fit; nothing is published then.
    """
    wish, repository = read_wish(file, name, CascadeWish), ModelRepository(models)
    asked = [asked_of(step, repository) for step in wish.steps]
    last = asked[-1]
    steps = tuple(_pinned(step, one, last, file.name) for step, one in zip(wish.steps, asked, strict=True))
    with refused(file.name):
        manifest = CascadeManifest(
            name=name,
            version=1,
            task=last.task,
            config=last.config,
            inputs=last.inputs,
            outputs=last.outputs,
            batching=last.batching,
            steps=steps,
            **fields_of(wish, file, name),
        )
    example = last.golden[0].input if wish.example is None and last.golden else wish.example
    return publish_answered(manifest, models, example)


def _pinned(wish: CascadeStepWish, asked: Manifest, last: Manifest, file: str) -> CascadeStep:
    if isinstance(asked, ManifestOfSteps):
        raise InvalidArtifact(f"step {wish.name}: {asked.name} is a {asked.runtime}, and a step has graphs of its own")
    if asked.task != last.task:
        raise InvalidArtifact(
            f"step {wish.name}: {asked.name} is a model for {asked.task}, and {last.name}, the last, for {last.task}"
        )
    with refused(f"{file}: step {wish.name:.32}"):
        return CascadeStep(version=asked.version, **wish.model_dump(exclude={"version"}))
