"""`python -m app tune`: measure the models of a repository, and tell the person who waits."""

import sys
from collections.abc import Sequence

from app.errors import ModelNotFound, ServiceError
from app.repository.pipeline import PipelineManifest
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.names import no_such_model
from app.serving.plan import Plan, hardware_of, read_plan, write_plan
from app.serving.tune import TuningTrial, tune

HEADER = f"{'variant':<12} {'at a time':>9} {'cores each':>10} {'rows/s':>9} {'one row alone':>14}"


def tune_models(
    repository: ModelRepository, names: Sequence[str], options: RuntimeOptions, *, seconds: float, if_missing: bool
) -> int:
    """Tune the newest version of each model, or of all; a running service follows when it loads them next.

    Returns 1 if one could not be measured, or its plan not be stored; the others are tuned all the same.
    """
    known, failures = repository.names(), 0
    for name in names or known:
        try:
            if name not in known:
                raise no_such_model(name, known)
            _tune_model(repository, name, options, seconds, if_missing)
        except (ServiceError, OSError) as error:
            failures += 1
            print(f"error: {'' if isinstance(error, ModelNotFound) else name + ': '}{error}", file=sys.stderr)
    return 1 if failures else 0


def _tune_model(
    repository: ModelRepository, name: str, options: RuntimeOptions, seconds: float, if_missing: bool
) -> None:
    manifest = repository.read(name, repository.versions(name)[0])
    folder = repository.root / name
    if isinstance(manifest, PipelineManifest):
        if not if_missing:
            print(f"{name} is a pipeline: its steps are tuned, each by itself", flush=True)
        return
    if if_missing and read_plan(folder, manifest, hardware_of(manifest, options)):
        return
    print(f"{name} version {manifest.version}, on {options.threads} cores\n  {HEADER}", flush=True)
    plan = tune(
        manifest,
        lambda: repository.verify(manifest),
        options,
        seconds=seconds,
        report=lambda trial: print(f"  {_row(trial, manifest.precision)}", flush=True),
        complain=lambda reason: print(f"  not here: {reason}", flush=True),
    )
    write_plan(folder, manifest, plan)
    print(f"  chosen: {_chosen(plan, manifest.precision)}", flush=True)
    for doubt in plan.doubts():
        print(f"  doubtful: {doubt}", flush=True)


def _row(trial: TuningTrial, default: str) -> str:
    return (
        f"{trial.variant or default:<12} {trial.num_lanes:>9} {trial.threads:>10} {trial.rows_per_s:>9.1f} "
        f"{1000 * trial.alone_s:>11.2f} ms"
    )


def _chosen(plan: Plan, default: str) -> str:
    curve, longest = plan.curve, max(length for _, length, _ in plan.points)
    shortest = min(length for _, length, _ in plan.points)
    sizes = sorted({curve.best_batch_size(length) for length in (shortest, longest)})
    batches = " to ".join(map(str, sizes))
    return f"{plan.variant or default}, {plan.instances} at a time on {plan.threads} cores each, batches of {batches}"
