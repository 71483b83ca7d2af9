"""Engines whose models answer in replicas, all in one Ray on this machine that lives as long as the tests."""

import warnings
from functools import cache
from itertools import count
from pathlib import Path

from app.fleet.environment import Cluster, connect, set_variables
from app.fleet.scaling import ModelScaling, ScalingPlan
from app.fleet.table import Orders
from app.serving.engine import Engine
from app.telemetry import Telemetry

set_variables()
with warnings.catch_warnings():  # of its own, about pydantic
    warnings.simplefilter("ignore", DeprecationWarning)
    from ray.exceptions import RayActorError

    from app.fleet.engine import RayEngine

__all__ = ["RayActorError", "RayEngine"]  # whoever imported Ray himself might be before the variables

NUMBERS = count(1)


@cache
def cluster() -> Cluster:
    return connect("", num_cpus=1)


def orders_for(models_dir: Path, replicas: int = 2, threads: int = 1, **differing: object) -> Orders:
    scaling = ScalingPlan(default=ModelScaling(min_replicas=replicas, max_replicas=replicas, cpus=threads))
    defaults = {
        "models_dir": models_dir,
        "models": (),
        "scaling": scaling,
        "device": "cpu",
        "max_queue_size": 4096,
        "max_pixels": 250_000_000,
        "drift": True,
        "max_tensor_bytes": None,
        "keep_versions": 2,
        "required": (),
        "load_timeout_s": 60.0,
        "drain_timeout_s": 10.0,
        "log_format": "text",
    }
    return Orders(**{**defaults, **differing})  # type: ignore[arg-type]


def two_replicas(models_dir: Path, telemetry: Telemetry, threads: int = 1, fleet: str = "") -> Engine:
    orders = orders_for(models_dir, threads=threads)
    return RayEngine(cluster(), fleet or f"test-{next(NUMBERS)}", orders, telemetry, owns_fleet=True)
