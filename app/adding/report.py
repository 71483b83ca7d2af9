"""The words in which `models add` tells of a version that it has published."""

from collections.abc import Sequence

from app.adding.command import Added
from app.repository.cascade import CascadeStep
from app.repository.of_steps import ManifestOfSteps, PinnedStep
from app.repository.pipeline import Step
from app.tensors import TensorSpec


def report(added: Added) -> str:
    manifest = added.manifest
    lines = [
        f"published {manifest.name} version {manifest.version}, a model of {manifest.task}",
        *_listed("input", manifest.inputs),
        *_listed("output", manifest.outputs),
        f"each request is run by itself: {added.unbatched}"
        if added.unbatched
        else "rows of all requests share batches",
        *added.said,
        *manifest.limits,
    ]
    return "\n".join(lines)


def report_steps(manifest: ManifestOfSteps) -> str:
    steps = [f"  {step.name}: {step.model} version {step.version}, {_asked(step)}" for step in manifest.steps]
    return "\n".join([f"published {manifest.name} version {manifest.version}", *steps, *manifest.limits])


def _asked(step: PinnedStep) -> str:
    match step:
        case Step():
            return step.view or step.task
        case CascadeStep(enough=float()):
            return f"where it is {step.enough:g} sure, or more"
    return "for the rest"


def _listed(what: str, tensors: Sequence[TensorSpec]) -> list[str]:
    return [
        f"  {what} {one.name}: {one.datatype} [{', '.join('any' if size < 0 else str(size) for size in one.shape)}]"
        for one in tensors
    ]
