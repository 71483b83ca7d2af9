"""Versions that have no graphs of their own: their steps are versions of other models."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from app.repository.manifest import LONGEST_NAME, MODEL_NAME, Artifact, ArtifactName, Frozen, Manifest
from app.tensors import TensorSpec

MOST_STEPS = 16
STAGES = ("preprocess", "queue", "batch", "inference", "postprocess")
"""The names that Server-Timing has for every request, beside those of steps."""


class PinnedStep(Frozen):
    """A version of a model that another one asks."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$", description="unique; names its time in answers")]
    model: Annotated[str, Field(pattern=MODEL_NAME, max_length=LONGEST_NAME)]
    version: PositiveInt


class ManifestOfSteps(Manifest):
    """The manifest of a version that answers by asking its steps, which are loaded with it and stay as long as it."""

    runtime: Literal["pipeline", "cascade"]  # type: ignore[assignment]
    graphs: dict[str, ArtifactName] = Field(default_factory=dict, max_length=0)
    files: dict[ArtifactName, Artifact] = Field(default_factory=dict)
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    steps: Annotated[tuple[PinnedStep, ...], Field(min_length=2, max_length=MOST_STEPS)]

    @model_validator(mode="after")
    def _steps_have_names_of_their_own(self) -> Self:
        known = {"input"}  # that of the caller's item, where steps name what they take
        for step in self.steps:
            if step.name in STAGES:
                raise ValueError(f"steps.{step.name}: this names a stage of every request; call the step otherwise")
            if step.name in known:
                raise ValueError(f"steps.{step.name}: another one has this name already")
            if step.model == self.name:
                raise ValueError(f"steps.{step.name}: a step is another model, not the {self.runtime} itself")
            known.add(step.name)
        return self
