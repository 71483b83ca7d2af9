"""The messages between keeper, fronts and replicas. All of it can be pickled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric

from app.fleet.scaling import ScalingPlan
from app.logs.lines import LogFormat
from app.runtimes.options import Device
from app.serving.engine import EngineStatus
from app.serving.plan import Tuning
from app.telemetry import Statistics

ANSWER = "answers"  # the one deployment of each application: an application is a version


@dataclass(frozen=True, slots=True)
class Orders:
    """All that a keeper and its replicas need to know of the settings."""

    models_dir: Path
    models: tuple[str, ...]
    """Those that are served; all, if it is empty."""
    scaling: ScalingPlan
    device: Device
    max_queue_size: int
    max_pixels: int
    drift: bool
    max_tensor_bytes: int | None
    keep_versions: int
    required: tuple[str, ...]
    load_timeout_s: float
    drain_timeout_s: float
    log_format: LogFormat


@dataclass(frozen=True, slots=True)
class Post:
    """One version that a replica is to serve. `app` is the application that it is part of, `keeper` whom it tells."""

    keeper: str
    app: str
    name: str
    version: int
    threads: int
    orders: Orders


@dataclass(frozen=True, slots=True)
class Life:
    """The state of one replica now."""

    is_ready: bool
    is_lost: bool
    placements: dict[str, dict[str, str]]
    tuning: Tuning | None
    statistics: Statistics
    metrics: Sequence[Metric]


@dataclass(frozen=True, slots=True)
class Seat:
    """A version that answers: as replicas of an application or, if `app` is empty, as a pipeline of others."""

    version: int
    key: str
    """Tells one load of a version from another."""
    app: str


@dataclass(frozen=True, slots=True)
class Directory:
    """All that answers now. Manifests are left out of `status`: who follows has them already."""

    keeper: str
    """Another one after each start of the keeper."""
    revision: int
    is_complete: bool
    """False of a keeper that has just begun, and does not know yet of all that answers."""
    status: EngineStatus
    live: Mapping[str, Sequence[Seat]]
    """Versions of each model, newest first."""
    metrics: Mapping[str, Sequence[Metric]]
    """Of each replica, for the one front that tells them; empty for the others."""


@dataclass(frozen=True, slots=True)
class Front:
    """A front, as it tells the keeper of itself: `holds` are the keys of versions that it may still ask."""

    name: str
    keeper: str
    revision: int
    holds: frozenset[str]
    pipelines: Mapping[str, Statistics]
    """The counts of each here, by key."""


def keeper_of(fleet: str) -> str:
    """Return the name of the actor that keeps a fleet."""
    return f"keeper of {fleet}"
