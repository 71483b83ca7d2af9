"""The manifest of a pipeline: models in a row that are served as one."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from app.repository.of_steps import MOST_STEPS, ManifestOfSteps, PinnedStep

PIPELINE: Final = "pipeline"
INPUT = "input"
_REFERENCE = re.compile(r"(?P<step>[a-z][a-z0-9_-]*)(?:\.[^.]+)*")


def _reference(value: Any) -> Any:
    if not isinstance(value, str) and not (
        isinstance(value, list | tuple) and value and all(isinstance(one, str) for one in value)
    ):
        raise ValueError("must be a reference, or a list of references")
    return value


References = Annotated[str | tuple[str, ...], BeforeValidator(_reference)]
"""Where one field of an item comes from; of several, the field is a list of what they give."""


class Step(PinnedStep):
    """One model of a pipeline, of which version, and what it is asked.

    `inputs` says for each field of its item where that comes from: `step`, the whole output of an earlier step;
    `step.scores.0`, a part of it, by names and positions; `input.text`, a field of the pipeline's own item; or a list
    of such references. The first step gets that item as it is.
    """

    task: str
    view: Annotated[str, Field(description="what of the model is asked; its task, if empty")] = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, References] = Field(default_factory=dict)

    def references(self) -> Iterator[tuple[str, str]]:
        """Each reference, with the field that it is for."""
        for field, given in self.inputs.items():
            yield from ((field, one) for one in ([given] if isinstance(given, str) else given))


class PipelineManifest(ManifestOfSteps):
    """Contents of `models/<name>/<version>/manifest.json` where `task` is "pipeline"."""

    task: Literal["pipeline"] = PIPELINE
    runtime: Literal["pipeline"] = PIPELINE
    steps: Annotated[tuple[Step, ...], Field(min_length=2, max_length=MOST_STEPS)]

    @model_validator(mode="after")
    def _steps_follow_one_another(self) -> Self:
        known = {INPUT}
        for step in self.steps:
            if step.task == PIPELINE:
                raise ValueError(f"steps.{step.name}: a step is a model, not a pipeline")
            if bool(step.inputs) == (known == {INPUT}):
                raise ValueError(f"steps.{step.name}: each step but the first says where its inputs come from")
            for field, reference in step.references():
                found = _REFERENCE.fullmatch(reference)
                if found is None or found["step"] not in known:
                    there = ", ".join(sorted(known))
                    raise ValueError(f"steps.{step.name}.inputs.{field}: {reference!r} begins with none of: {there}")
            known.add(step.name)
        return self
