"""The manifest of a pipeline: models in a row that are served as one."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from app.repository.manifest import LONGEST_NAME, MODEL_NAME, Artifact, ArtifactName, Frozen, Manifest
from app.tensors import TensorSpec

PIPELINE: Final = "pipeline"
INPUT = "input"
MOST_STEPS = 16
STAGES = ("preprocess", "queue", "batch", "inference", "postprocess")
"""The names that Server-Timing has for every request, beside those of steps."""
_REFERENCE = re.compile(r"(?P<step>[a-z][a-z0-9_-]*)(?:\.[^.]+)*")


def _reference(value: Any) -> Any:
    if not isinstance(value, str) and not (
        isinstance(value, list | tuple) and value and all(isinstance(one, str) for one in value)
    ):
        raise ValueError("must be a reference, or a list of references")
    return value


References = Annotated[str | tuple[str, ...], BeforeValidator(_reference)]
"""Where one field of an item comes from; of several, the field is a list of what they give."""


class Step(Frozen):
    """One model of a pipeline, of which version, and what it is asked.

    `inputs` says for each field of its item where that comes from: `step`, the whole output of an earlier step;
    `step.scores.0`, a part of it, by names and positions; `input.text`, a field of the pipeline's own item; or a list
    of such references. The first step gets that item as it is.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$", description="unique; names its time in answers")]
    model: Annotated[str, Field(pattern=MODEL_NAME, max_length=LONGEST_NAME)]
    version: PositiveInt
    task: str
    view: Annotated[str, Field(description="what of the model is asked; its task, if empty")] = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, References] = Field(default_factory=dict)

    def references(self) -> Iterator[tuple[str, str]]:
        """Each reference, with the field that it is for."""
        for field, given in self.inputs.items():
            yield from ((field, one) for one in ([given] if isinstance(given, str) else given))


class PipelineManifest(Manifest):
    """Contents of `models/<name>/<version>/manifest.json` where `task` is "pipeline". It has no graphs of its own."""

    task: Literal["pipeline"] = PIPELINE
    runtime: Literal["pipeline"] = PIPELINE  # type: ignore[assignment]
    graphs: dict[str, ArtifactName] = Field(default_factory=dict)
    files: dict[ArtifactName, Artifact] = Field(default_factory=dict)
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    steps: Annotated[tuple[Step, ...], Field(min_length=2, max_length=MOST_STEPS)]

    @model_validator(mode="after")
    def _steps_follow_one_another(self) -> Self:
        known = {INPUT}
        for step in self.steps:
            if step.name in STAGES:
                raise ValueError(f"steps.{step.name}: this names a stage of every request; call the step otherwise")
            if step.name in known:
                raise ValueError(f"steps.{step.name}: another one has this name already")
            if step.model == self.name or step.task == PIPELINE:
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
