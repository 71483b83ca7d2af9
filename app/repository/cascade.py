"""The manifest of a cascade: models for the same task, of which the next is asked what the one before is unsure of."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from app.repository.of_steps import MOST_STEPS, ManifestOfSteps, PinnedStep
from app.repository.pipeline import PIPELINE

CASCADE: Final = "cascade"


class CascadeStep(PinnedStep):
    """One model of a cascade, of which version, and how sure of an item it must be to answer it."""

    enough: Annotated[
        float | None,
        Field(gt=0, le=1, allow_inf_nan=False, description="least confidence of an answer; none of the last step"),
    ] = None


class CascadeManifest(ManifestOfSteps):
    """Contents of `models/<name>/<version>/manifest.json` where `runtime` is "cascade".

    Its task is that of its steps; its `config`, `inputs` and `outputs` are those of the last one.
    """

    runtime: Literal["cascade"] = CASCADE
    steps: Annotated[tuple[CascadeStep, ...], Field(min_length=2, max_length=MOST_STEPS)]

    @model_validator(mode="after")
    def _all_but_the_last_may_be_unsure(self) -> Self:
        if self.task == PIPELINE:
            raise ValueError(f"task: a cascade has the task of its steps, which {PIPELINE!r} is not")
        *first, last = self.steps
        for step in first:
            if step.enough is None:
                raise ValueError(f"steps.{step.name}.enough: each step but the last says which confidence is enough")
        if last.enough is not None:
            raise ValueError(f"steps.{last.name}.enough: the last step answers whatever is left, and has none")
        return self
