"""The cards of the models we serve, in JSON."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from app.api.v1 import paths
from app.api.v1.drift import ModelDrift, drift
from app.repository.making import Making
from app.repository.manifest import Manifest, Metric, Provenance, Verification
from app.serving.engine import ModelStatus
from app.serving.mirroring import Mirrored
from app.serving.plan import Tuning
from app.tasks.explanations.base import NAME as EXPLANATION
from app.tensors import Placement, TensorSpec


class VersionState(BaseModel):
    """`reason` says why a version is not served."""

    version: int
    state: Literal["loading", "ready", "failed", "unloaded"]
    reason: str = ""


class Tuned(BaseModel):
    """The way a model uses this machine, when that was measured, and why it may be wrong."""

    by: Annotated[Literal["tune", "load"], Field(description="who measured it: `python -m app tune`, or the load")]
    variant: str | None
    threads: Annotated[int, Field(description="cores of one batch")]
    instances: Annotated[int, Field(description="batches at a time")]
    measured: datetime | None
    age_s: float | None
    spread: Annotated[float | None, Field(description="how much longer repeats took than the fastest: 0.1 is a tenth")]
    others: Annotated[float | None, Field(description="share of the processors that other processes used meanwhile")]
    learned: Annotated[int, Field(description="batches by which what was measured was corrected since it was loaded")]
    slower: Annotated[float, Field(description="how many times longer batches take of late than by what is known")]
    doubts: list[str]


class ListedModel(BaseModel):
    """A model as OpenAI's clients list it."""

    id: str
    object: Literal["model"] = "model"
    created: Annotated[int, Field(description="seconds since 1970 when its version was made; 0 if that is not known")]
    owned_by: str = "tessera"


class ModelSummary(ListedModel):
    """`version` is the one that answers by default; null if none is live."""

    name: str
    task: str | None
    version: int | None
    state: Literal["loading", "ready", "failed", "unloaded"]
    description: str
    predict: str
    explain: Annotated[str | None, Field(description="null if this kind of model explains nothing")]
    versions: list[VersionState]


class VersionNotFetched(BaseModel):
    model: str
    version: int
    reason: str


class MirrorState(BaseModel):
    """Is what is served behind the store at `url`, from which it is mirrored? `reason` says why."""

    url: str
    state: Literal["fetching", "current", "unreachable"]
    reason: str
    failed: list[VersionNotFetched]


class ModelList(BaseModel):
    """`being_made`: what is made beside the service, which serves it as soon as it is there. `mirror` is null unless
    models come from elsewhere.
    """

    models: list[ModelSummary]
    being_made: list[Making] = []
    mirror: MirrorState | None = None
    object: Literal["list"] = "list"
    data: list[ListedModel]


class StepOfPipeline(BaseModel):
    name: Annotated[str, Field(description="names its time in Server-Timing")]
    model: str
    version: int
    enough: Annotated[
        float | None, Field(description="of a cascade, the least confidence with which it answers; null of the last")
    ] = None


class Card(ModelSummary):
    """All that the manifest of the live version says for people; `card` leads to the same with pictures."""

    card: str | None = None
    licence: str = ""
    runtime: str | None = None
    precision: str | None = None
    placements: dict[str, Placement] = {}
    tuning: Tuned | None = None
    steps: Annotated[list[StepOfPipeline], Field(description="of a pipeline or a cascade, in their order")] = []
    inputs: list[TensorSpec] = []
    outputs: list[TensorSpec] = []
    metrics: list[Metric] = []
    limits: list[str] = []
    verification: Verification | None = None
    provenance: Provenance | None = None
    drift: ModelDrift = ModelDrift(reason="no version answers")


def mirror_state(mirrored: Mirrored, may_use: Callable[[str], bool]) -> MirrorState:
    """Tell of the models only that the caller `may_use`."""
    failed = [one for one in mirrored.failed if may_use(one.model)]
    return MirrorState.model_validate(mirrored._replace(failed=tuple(failed)), from_attributes=True)


def summary(status: ModelStatus) -> ModelSummary:
    return ModelSummary.model_validate(_summary(status))


def card(status: ModelStatus) -> Card:
    manifest = status.manifest
    if manifest is None:
        return Card.model_validate(_summary(status))
    fields = {
        "licence", "runtime", "precision", "steps", "inputs", "outputs", "metrics", "limits", "verification",
        "provenance",
    }  # fmt: skip
    return Card.model_validate(
        {
            **_summary(status),
            "card": paths.of(paths.CARD, status.name) if manifest.card else None,
            "placements": status.placements,
            "tuning": status.tuning and _tuned(status.tuning),
            "drift": drift(status),
            **manifest.model_dump(include=fields),
        }
    )


def _tuned(tuning: Tuning) -> Tuned:
    plan, measured = tuning.plan, tuning.measured
    return Tuned(
        by="tune" if plan else "load",
        variant=plan.variant if plan else None,
        threads=tuning.threads,
        instances=tuning.num_lanes,
        measured=measured,
        age_s=round((datetime.now(UTC) - measured).total_seconds(), 1) if measured else None,
        spread=plan.spread if plan else None,
        others=plan.others if plan else None,
        learned=tuning.learned,
        slower=round(tuning.slower, 3),
        doubts=tuning.doubts(),
    )


def _summary(status: ModelStatus) -> dict[str, Any]:
    manifest = status.manifest
    return {
        "id": status.name,
        "created": _made_at(manifest),
        "name": status.name,
        "task": manifest and manifest.task,
        "version": manifest and manifest.version,
        "state": "ready" if manifest else status.versions[0].state if status.versions else "unloaded",
        "description": manifest.description if manifest else "",
        "predict": paths.of(paths.PREDICT, status.name),
        "explain": paths.of(paths.EXPLAIN, status.name) if EXPLANATION in status.views else None,
        "versions": [VersionState(version=one.version, state=one.state, reason=one.reason) for one in status.versions],
    }


def _made_at(manifest: Manifest | None) -> int:
    provenance = manifest.provenance if manifest else None
    try:
        return int(datetime.fromisoformat(provenance.created).timestamp()) if provenance else 0
    except ValueError:  # it is for people, and may be written in any way
        return 0
