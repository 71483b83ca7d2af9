"""Measure how a model uses this hardware best: which variant, how many cores a batch, how many rows.

On a CPU no setting is right everywhere. Two batches on a core each are often half as fast again as one after the other
on two; more rows in a batch help one network and hurt another; which precision is fastest depends on the processor.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from math import exp, fsum, log
from pathlib import Path
from statistics import fmean, median
from time import perf_counter

from app.errors import InvalidArtifact, ModelNotReady
from app.repository.manifest import Manifest
from app.runtimes.options import RuntimeOptions
from app.serving.busyness import watch_others
from app.serving.curve import Cell, LatencyCurve
from app.serving.loading import Loaded, open_version, steps, time_probe
from app.serving.plan import Plan, graph_hashes, hardware_of
from app.serving.step_cost import StepCost
from app.serving.stepping import Stepping, open_stepping
from app.serving.trials import measure

NUM_LENGTHS = 8  # padded lengths to measure, twice as many as a load does
REPEATS = 6  # of each batch, if there is time
ALONE_SHARE = 0.2  # of the time for one trial, to measure a row that has the machine to itself

# Of the trials in which a single row takes at most this many times what it takes in the fastest, most rows win.
MOST_LATENCY = 1.5
PROMPT_TOKENS, NEW_TOKENS = 256, 128  # as long as answers of a chat are: reading takes as much of it as writing


@dataclass(frozen=True, slots=True)
class TuningTrial:
    """One way to run a model. Figures are geometric means over the padded lengths that were measured."""

    variant: str | None
    threads: int
    num_lanes: int
    curve: LatencyCurve
    rows_per_s: float
    """Of a model that writes text, tokens that it writes, with the prompts before them."""
    alone_s: float
    """Seconds of one row while nothing else runs."""
    spread: float = 0.0
    others: float | None = None
    """These two as in Plan."""
    steps: StepCost | None = None


def tune(
    manifest: Manifest,
    verify: Callable[[], Mapping[str, Path]],
    options: RuntimeOptions,
    *,
    seconds: float,
    report: Callable[[TuningTrial], None] = lambda trial: None,
    complain: Callable[[str], None] = lambda reason: None,
) -> Plan:
    """Try every variant on every split of `options.threads` cores, for about `seconds` each, and choose.

    `report` gets each trial, `complain` why a variant cannot run here. Raises InvalidArtifact or ModelNotReady if none
    can. Whatever else the machine does meanwhile is measured too.
    """
    trials = []
    fault: Exception | None = None
    for variant in (None, *manifest.variants):
        for threads in splits(options.threads) if not steps(manifest) else (options.threads,):
            num_lanes = options.threads // threads
            try:
                loaded = open_version(
                    manifest.in_variant(variant), verify, replace(options, threads=threads), num_lanes
                )
                if not loaded.kernel.steps and not loaded.kernel.probe(loaded.kernel.lengths[0]):
                    raise InvalidArtifact("no row is known to measure with; it was added without --example")
            except (InvalidArtifact, ModelNotReady) as error:
                fault = error
                complain(f"{variant or manifest.precision}: {error}")
                break
            trials.append((try_steps if loaded.kernel.steps else try_out)(loaded, variant, seconds))
            report(trials[-1])
    if fault and not trials:
        raise fault
    best = choose(trials)
    return Plan(
        hardware=hardware_of(manifest, options),
        graphs=graph_hashes(manifest),
        variant=best.variant,
        threads=best.threads,
        instances=best.num_lanes,
        measured=datetime.now(UTC).replace(microsecond=0),
        spread=best.spread,
        others=best.others,
        steps=best.steps.measured if best.steps else None,
        points=[(rows, length, seconds) for (rows, length), seconds in sorted(best.curve.points.items())],
    )


def splits(cores: int) -> Iterator[int]:
    """Cores of one batch: 1, 2, 4, … and all of them."""
    threads = 1
    while threads < cores:
        yield threads
        threads *= 2
    yield cores


def try_out(loaded: Loaded, variant: str | None, seconds: float) -> TuningTrial:
    timed, others = partial(time_probe, loaded), watch_others()
    repeats: dict[Cell, list[float]] = {}
    alone = measure(timed, loaded.kernel.lengths, 1, budget_s=ALONE_SHARE * seconds, num_lengths=NUM_LENGTHS)
    with ThreadPoolExecutor(loaded.num_lanes) as threads:

        def time_on_all(rows: int, length: int) -> float:
            taken = fmean(threads.map(timed, [rows] * loaded.num_lanes, [length] * loaded.num_lanes))
            repeats.setdefault((rows, length), []).append(taken)
            return taken

        curve = measure(
            time_on_all,
            loaded.kernel.lengths,
            loaded.max_batch_size,
            budget_s=(1 - ALONE_SHARE) * seconds,
            num_lengths=NUM_LENGTHS,
            repeats=REPEATS,
        )
    lengths = sorted({length for _, length in curve.points})
    return TuningTrial(
        variant,
        loaded.options.threads,
        loaded.num_lanes,
        curve,
        rows_per_s=_mean(loaded.num_lanes / curve.row_seconds(length) for length in lengths),
        alone_s=_mean(alone.seconds(1, length) for length in lengths),
        spread=round(fmean(median(times) / min(times) - 1 for times in repeats.values()), 3),
        others=others(),
    )


def try_steps(loaded: Loaded, variant: str | None, seconds: float) -> TuningTrial:
    """Measure steps of one answer and of as many as may be in flight, again and again; the fastest counts."""
    others, end = watch_others(), perf_counter() + seconds
    tries: list[Stepping] = []
    while not tries or perf_counter() < end:
        tries.append(open_stepping(loaded.kernel, loaded.sessions, loaded.max_batch_size))
    alone = [one.curve.seconds(1, 1) for one in tries]
    best = tries[alone.index(min(alone))]
    return TuningTrial(
        variant,
        loaded.options.threads,
        1,
        best.curve,
        rows_per_s=tokens_per_s(best.cost, best.most_rows),
        alone_s=min(alone),
        spread=round(median(alone) / min(alone) - 1, 3),
        others=others(),
        steps=best.cost,
    )


def tokens_per_s(cost: StepCost, rows: int) -> float:
    """Return the tokens that so many answers get in a second, each of NEW_TOKENS after a prompt of PROMPT_TOKENS."""
    step_s = cost.step_s(rows, rows * (PROMPT_TOKENS + NEW_TOKENS // 2))
    return NEW_TOKENS / (cost.prompt_s(PROMPT_TOKENS) + NEW_TOKENS * step_s / rows)


def choose(trials: list[TuningTrial]) -> TuningTrial:
    """Most rows per second, among those that do not keep a lone caller waiting for it."""
    fastest = min(trial.alone_s for trial in trials)
    return max((trial for trial in trials if trial.alone_s <= MOST_LATENCY * fastest), key=lambda one: one.rows_per_s)


def _mean(values: Iterator[float]) -> float:
    logs = [log(value) for value in values]
    return exp(fsum(logs) / len(logs))
