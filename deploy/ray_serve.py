"""python -m deploy.ray_serve serve | down: the service, with its models in replicas of Ray Serve."""

import argparse
import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from app.ending import goodbye_s
from app.fleet.environment import connect
from app.fleet.scaling import read_scaling
from app.fleet.table import Orders
from app.local_engine import WhyMissing
from app.main import prepared
from app.repository.repository import ModelRepository
from app.serving.engine import HoldingEngine
from app.settings import Settings
from app.telemetry import Telemetry


def main(arguments: list[str] | None = None) -> int:
    try:
        settings = Settings.load()
    except ValueError as error:
        return _failed(error)
    parser = argparse.ArgumentParser(prog="python -m deploy.ray_serve", description=__doc__)
    commands = parser.add_subparsers(required=True)
    serve = commands.add_parser("serve", help="answer HTTP; the first front starts replicas, others share them")
    serve.add_argument("--host", default=settings.host)
    serve.add_argument("--port", type=int, default=settings.port)
    serve.set_defaults(run=_serve)
    down = commands.add_parser("down", help="end all replicas of the fleet, which fronts that stop leave running")
    down.set_defaults(run=_down)
    chosen = parser.parse_args(arguments)
    return int(chosen.run(chosen, settings))


def ray_engine(
    settings: Settings, telemetry: Telemetry, repository: ModelRepository, why_missing: WhyMissing
) -> HoldingEngine:
    """Return the engine that asks replicas. Raises ValueError and OSError for settings that cannot be used."""
    if settings.answer_cache_bytes:
        raise ValueError("TESSERA_ANSWER_CACHE_BYTES has no effect here: replicas keep no answers")
    orders = orders_of(settings)
    cluster = connect(settings.ray_address)
    from app.fleet.engine import RayEngine

    return RayEngine(
        cluster,
        settings.ray_fleet,
        orders,
        telemetry,
        owns_fleet=cluster.is_own,
        num_threads=settings.threads,
    )


def orders_of(settings: Settings) -> Orders:
    """Return what a keeper and its replicas need of the settings. Raises ValueError and OSError."""
    return Orders(
        settings.models_dir.resolve(),
        settings.models,
        read_scaling(settings.ray_file),
        settings.device,
        settings.max_queue_size,
        settings.max_pixels,
        settings.drift == "on",
        settings.max_tensor_bytes,
        settings.keep_versions,
        settings.required_models,
        settings.load_timeout_s,
        settings.drain_timeout_s - goodbye_s(settings.drain_timeout_s),
        settings.log_format,
    )


def _serve(chosen: argparse.Namespace, settings: Settings) -> int:
    settings = settings.model_copy(update={"host": chosen.host, "port": chosen.port})
    try:
        serve = prepared(settings, ray_engine)
    except (ValueError, OSError) as error:
        return _failed(error)
    serve()


def _down(chosen: argparse.Namespace, settings: Settings) -> int:
    try:
        connect(settings.ray_address or "auto")
    except ValueError as error:
        return _failed(error)
    from app.fleet.ending import end_fleet

    return 0 if end_fleet(settings.ray_fleet) else _failed(ValueError(f"there is no fleet {settings.ray_fleet!r}"))


def _failed(error: Exception) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
