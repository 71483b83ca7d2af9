"""The versions among which the callers of a model are divided: the rule, its figures, and how it is changed."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api.errors import faults_of, invalid_input
from app.api.given import Given, GivenDep
from app.api.loaded import status_of
from app.errors import InvalidInput, ModelNotReady
from app.repository.traffic import CanaryRule, ShadowRule, TrafficRule, Version
from app.serving.engine import VersionStatus
from app.serving.figures import Role, RoleFigures
from app.serving.traffic import TrafficEngine

EXAMPLE = {"default": 3, "canary": {"version": 4, "share": 0.05}}
DEFAULT = "the version that answers whoever names none; `newest` ends the rule; left out, it stays"


class TrafficChange(BaseModel):
    """A whole rule: what it leaves out ends, but for the default, which stays."""

    model_config = ConfigDict(extra="forbid")

    default: Annotated[Version | Literal["newest"] | None, Field(description=DEFAULT)] = None
    canary: CanaryRule | None = None
    shadow: ShadowRule | None = None


class LatencyPercentiles(BaseModel):
    """Milliseconds from the question to the answer, of the latest 1,000 answers."""

    p50: float
    p95: float
    p99: float


class ShadowAgreement(BaseModel):
    """Comparisons with the answers of the default: `disagreed` say something else, and a difference is that of scores,
    or of numbers as a share of the largest. `dropped` counts, by reason, the requests that the shadow was not asked.
    """

    compared: int
    disagreed: int
    mean_difference: float | None
    largest_difference: float | None
    dropped: dict[str, int]


class RoleTraffic(BaseModel):
    """A version in its role. `share` is that of the requests which default and canary were asked.

    `errors` counts what was not answered, by type; `failures` were no fault of the caller. `stood_in` counts requests
    that another version answered, since this one could not.
    """

    role: Role
    version: int
    state: str
    reason: str
    is_ready: bool
    requests: int
    share: float | None
    failures: int
    errors: dict[str, int]
    latency_ms: LatencyPercentiles | None
    stood_in: int
    shadow: ShadowAgreement | None


class ModelTraffic(BaseModel):
    """`default` is the version that answers now whoever names none. Figures are those of this process since `since`.

    Without a rule the newest version answers, and nothing is counted. `problem` says why the file with the rule cannot
    be used.
    """

    model: str
    default: int
    rule: TrafficRule | None
    since: datetime | None
    versions: list[RoleTraffic]
    problem: str


async def read_traffic(model: str, given: GivenDep) -> ModelTraffic:
    return _told(given, model)


async def change_traffic(model: str, request: Request, given: GivenDep) -> ModelTraffic:
    """The body is a whole rule. Its versions are loaded, if they are not, before anything changes."""
    status_of(given.engine, model)
    asked = await _read(request)
    await _traffic(given).divide(model, asked.default, asked.canary, asked.shadow)
    return _told(given, model)


async def end_traffic(model: str, given: GivenDep) -> ModelTraffic:
    """Takes canary and shadow away: the default answers everyone, and goes on to do so."""
    status_of(given.engine, model)
    await _traffic(given).divide(model)
    return _told(given, model)


def _traffic(given: Given) -> TrafficEngine:
    if given.traffic is None:
        raise ModelNotReady("this service has no rules on traffic")
    return given.traffic


async def _read(request: Request) -> TrafficChange:
    try:
        return TrafficChange.model_validate_json(await request.body() or b"{}")
    except ValidationError as error:
        raise _readable(invalid_input(faults_of(error))) from None


def _readable(error: InvalidInput) -> InvalidInput:
    """Return faults at the places where the caller wrote them: `default` may be of two kinds, which pydantic names."""
    places = [one["loc"][:1] if one["loc"][:1] == ["default"] else one["loc"] for one in error.details]
    if ["default"] in places:
        return InvalidInput('must be the number of a version, or "newest"').under("default")
    return error


def _told(given: Given, model: str) -> ModelTraffic:
    states = {one.version: one for one in status_of(given.engine, model).versions}
    traffic = _traffic(given).traffic(model)
    asked = sum(one.requests for one in traffic.figures if one.role != "shadow")
    return ModelTraffic(
        model=model,
        default=traffic.default,
        rule=traffic.rule,
        since=traffic.since,
        versions=[_role(one, states.get(one.version), asked) for one in traffic.figures],
        problem=traffic.problem,
    )


def _role(one: RoleFigures, status: VersionStatus | None, asked: int) -> RoleTraffic:
    took = {f"p{each}": round(1000 * seconds, 3) for each, seconds in one.seconds.items()}
    agreed = one.agreement
    return RoleTraffic(
        role=one.role,
        version=one.version,
        state=status.state if status else "gone",
        reason=status.reason if status else "it is not in the repository any more",
        is_ready=status is not None and status.is_ready,
        requests=one.requests,
        share=one.requests / asked if asked and one.role != "shadow" else None,
        failures=one.failures,
        errors=one.errors,
        latency_ms=LatencyPercentiles(**took) if took else None,
        stood_in=one.stood_in,
        shadow=agreed
        and ShadowAgreement(
            compared=agreed.answers,
            disagreed=agreed.disagreed,
            mean_difference=agreed.mean_difference,
            largest_difference=agreed.largest_difference,
            dropped=agreed.dropped,
        ),
    )
