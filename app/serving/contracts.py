"""The contracts of a version, by its manifest alone: it need not be loaded."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from app.repository.manifest import Manifest
from app.repository.pipeline import PIPELINE, PipelineManifest, Step
from app.tasks import TASKS, task_of
from app.tasks.contract import Contract
from app.tasks.schema import Schema


class PipelineParameters(Schema):
    """There are none: the manifest of the pipeline sets those of its steps."""


def contracts_of(manifest: Manifest) -> Mapping[str, Contract]:
    """Those of its views by name, its own first. Raises KeyError for a task, or a view of a step, that is not known."""
    if isinstance(manifest, PipelineManifest):
        return {PIPELINE: _pipeline(tuple(map(contract_of, manifest.steps)))}
    return task_of(manifest.task, manifest.config).contracts


def own_contract(manifest: Manifest) -> Contract:
    return contracts_of(manifest)[manifest.task]


def contract_of(step: Step) -> Contract:
    """Return the contract of the view that a step asks. Raises KeyError."""
    return TASKS[step.task].contracts[step.view or step.task]


@cache
def _pipeline(steps: tuple[Contract, ...]) -> Contract:
    """A pipeline takes what its first step takes, as many as each of them does, and gives what its last one gives."""
    first, last = steps[0], steps[-1]
    return replace(
        first,
        name=PIPELINE,
        title=f"{first.title}To{last.title}",
        about="Models in a row: each gets what the one before it gave.",
        Parameters=PipelineParameters,
        Output=last.Output,
        max_items=min((one.max_items for one in steps if one.max_items is not None), default=None),
        binary_answer=last.binary_answer,
        write=last.write,
        comparable=last.comparable,
    )
