"""`python -m app tune`: measure the models of a repository, and tell the person who waits."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

from app.errors import InvalidArtifact, ModelNotFound, ServiceError
from app.repository.making import MAKING, TUNING, Making, Telling, read_making
from app.repository.manifest import Manifest
from app.repository.of_steps import ManifestOfSteps
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.idle import wait_until_idle
from app.serving.names import no_such_model
from app.serving.plan import MOST_OTHERS, Plan, hardware_of, read_plan, write_plan
from app.serving.tune import TuningTrial, tune

MOST_TRIES = 3  # to measure a model while nobody else computes
UNTIL_IDLE, MEASURED = "to be measured when nothing else computes here", "how it runs fastest here"

HEADER = f"{'variant':<12} {'at a time':>9} {'cores each':>10} {'rows/s':>9} {'one row alone':>14}"


def tune_models(
    repository: ModelRepository, names: Sequence[str], options: RuntimeOptions, *, seconds: float, if_missing: bool
) -> int:
    """Tune the newest version of each model, or of all; a running service that follows takes the plans up.

    Returns 1 if one could not be measured, or its plan not be stored; the others are tuned all the same.
    """
    known, failures = repository.names(), 0
    for name in names or known:
        try:
            if name not in known:
                raise no_such_model(name, known)
            manifest = repository.read(name, repository.versions(name)[0])
            if isinstance(manifest, ManifestOfSteps):
                if not if_missing:
                    print(f"{name} is a {manifest.runtime}: its steps are tuned, each by itself", flush=True)
            elif not if_missing or not _is_known(repository, manifest, options):
                _store(repository, manifest, _measured(repository, manifest, options, seconds))
        except (ServiceError, OSError) as error:
            failures += 1
            print(f"error: {'' if isinstance(error, ModelNotFound) else name + ': '}{error}", file=sys.stderr)
    return 1 if failures else 0


def tune_when_idle(
    repository: ModelRepository,
    options: RuntimeOptions,
    *,
    seconds: float,
    wait: Callable[[Callable[[], bool]], None] = wait_until_idle,
) -> int:
    """Beside a service, tune what is not tuned in peace yet: each model when nothing is being made and nobody computes.

    What others disturb is measured again, MOST_TRIES in all, and then left as it is. What is published meanwhile is
    tuned, too. Returns 1 if something could not be measured, or its plan not be stored.
    """
    tries, failures = Counter[str](), 0
    with Telling(repository.root, TUNING) as telling:
        while untuned := [one for one in _untuned(repository, options) if tries[one.name] < MOST_TRIES]:
            manifest = untuned[0]
            waiting = [Making(model=one.name, state="waiting", detail=UNTIL_IDLE) for one in untuned]
            telling.tell(waiting)
            wait(partial(_is_making, repository))
            telling.tell([Making(model=manifest.name, state="measuring", detail=MEASURED), *waiting[1:]])
            tries[manifest.name] += 1
            try:
                plan = _measured(repository, manifest, options, seconds)
                if _was_in_peace(plan):
                    _store(repository, manifest, plan)
                else:
                    print("  not kept", flush=True)
            except (ServiceError, OSError) as error:
                tries[manifest.name], failures = MOST_TRIES, failures + 1
                print(f"error: {manifest.name}: {error}", file=sys.stderr)
    return 1 if failures else 0


def _is_making(repository: ModelRepository) -> bool:
    return any(one.state != "failed" for one in read_making(repository.root, [MAKING]))


def _untuned(repository: ModelRepository, options: RuntimeOptions) -> Iterator[Manifest]:
    for name in repository.names():
        with suppress(InvalidArtifact):  # which the service tells
            manifest = repository.read(name, repository.versions(name)[0])
            if not isinstance(manifest, ManifestOfSteps) and not _is_known(
                repository, manifest, options, in_peace=True
            ):
                yield manifest


def _is_known(
    repository: ModelRepository, manifest: Manifest, options: RuntimeOptions, *, in_peace: bool = False
) -> bool:
    """Whether there is a plan, and with `in_peace` one that others did not disturb."""
    plan = read_plan(repository.root / manifest.name, manifest, hardware_of(manifest, options))
    return plan is not None and (not in_peace or _was_in_peace(plan))


def _was_in_peace(plan: Plan) -> bool:
    return (plan.others or 0.0) <= MOST_OTHERS


def _measured(repository: ModelRepository, manifest: Manifest, options: RuntimeOptions, seconds: float) -> Plan:
    print(f"{manifest.name} version {manifest.version}, on {options.threads} cores\n  {HEADER}", flush=True)
    return tune(
        manifest,
        lambda: repository.verify(manifest),
        options,
        seconds=seconds,
        report=lambda trial: print(f"  {_row(trial, manifest.precision)}", flush=True),
        complain=lambda reason: print(f"  not here: {reason}", flush=True),
    )


def _store(repository: ModelRepository, manifest: Manifest, plan: Plan) -> None:
    write_plan(repository.root / manifest.name, manifest, plan)
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
