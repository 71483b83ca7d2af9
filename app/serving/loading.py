"""Bring one version into memory: open its graphs, warm up, check its golden examples, measure. Blocks for a while."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

from pydantic import ValidationError

from app.errors import InvalidArtifact, ModelNotReady, Overloaded, first_fault, said
from app.repository.golden import difference
from app.repository.manifest import Manifest
from app.runtimes import RUNTIMES
from app.runtimes.onnx_weights import require_listed
from app.runtimes.options import RuntimeOptions
from app.serving.company import largest_batch
from app.serving.curve import LatencyCurve
from app.serving.learned_curve import LearnedCurve
from app.serving.plan import Plan
from app.serving.step_cost import StepCost
from app.serving.stepping import Stepping, open_stepping
from app.serving.trials import measure
from app.tasks import TASKS, task_of
from app.tasks.kernel import Kernel
from app.tasks.view import View, predict_json
from app.tensors import Session

MEASURE_BUDGET_S = 0.5  # a load waits for it; plan.py calls it half a second where it doubts such a curve
GUESSED = LatencyCurve({(1, 1): 0.01})  # where nothing can be measured


@dataclass(slots=True)
class Loaded:
    """A version in memory that has answered its golden examples on this machine."""

    manifest: Manifest
    verify: Callable[[], Mapping[str, Path]]
    options: RuntimeOptions
    kernel: Kernel
    views: Sequence[View[Any]]
    """Its own first."""
    sessions: Mapping[str, Session]
    max_batch_size: int = 1
    num_lanes: int = 1
    """Batches that run at a time, each on `options.threads` cores."""
    plan: Plan | None = None
    """By which it is run; without one `curve` was measured quickly, when it was loaded."""
    loaded: datetime = field(default_factory=lambda: datetime.now(UTC))
    curve: LatencyCurve = field(default_factory=lambda: LatencyCurve({(1, 1): 1.0}))
    stepping: Stepping | None = None
    """The decoder that steps through its answers, if it writes text."""
    graph_files: Sequence[Path] = ()

    @property
    def name(self) -> str:
        return f"{self.manifest.name}/{self.manifest.version}"

    @property
    def is_tuned(self) -> bool:
        return self.plan is not None

    @property
    def is_on_cpu(self) -> bool:
        return all(session.placement.device == "cpu" for session in self.sessions.values())

    @property
    def is_on_one_thread(self) -> bool:
        """Whether a batch is computed on the thread that asks for it, and on no other."""
        return self.is_on_cpu and self.options.threads == 1

    @property
    def placements(self) -> dict[str, dict[str, str]]:
        return {
            graph: {"device": session.placement.device, "reason": session.placement.reason}
            for graph, session in self.sessions.items()
        }


def load(
    manifest: Manifest,
    verify: Callable[[], Mapping[str, Path]],
    options: RuntimeOptions,
    plan: Plan | None = None,
) -> Loaded:
    """Load the files that `verify` vouches for, warm up, and run the golden examples; blocks for a while.

    `options.threads` are the cores it may use. How it uses them says `plan`; without one, each works at a batch of its
    own, and the curve is measured quickly.
    Raises InvalidArtifact if it does not answer its golden examples as it should, or cannot be loaded.
    """
    if steps(manifest):
        return _load_stepping(manifest, verify, options, plan)
    if plan:
        loaded = open_version(
            manifest.in_variant(plan.variant), verify, replace(options, threads=plan.threads), plan.instances
        )
        loaded.plan = plan
        loaded.curve = _learning(loaded, plan.curve)
        return loaded
    loaded = open_version(manifest, verify, replace(options, threads=1), options.threads)
    if not loaded.kernel.probe(loaded.kernel.lengths[0]):
        loaded.curve = _learning(loaded, GUESSED)
        return loaded
    measured = measure(
        partial(time_probe, loaded), loaded.kernel.lengths, loaded.max_batch_size, budget_s=MEASURE_BUDGET_S
    )
    loaded.curve = _learning(loaded, measured)
    # The largest batches were only tried; sixteen photos take 160 MB.
    with ExitStack() as stack:
        for session in loaded.sessions.values():
            stack.enter_context(session.trimmed())
        warm_up(loaded)
    return loaded


def _learning(loaded: Loaded, measured: LatencyCurve) -> LearnedCurve:
    return LearnedCurve(
        measured,
        most_rows=loaded.max_batch_size,
        is_sure=loaded.plan is not None and not loaded.plan.doubts(),
        by_processor=loaded.is_on_one_thread,
    )


def _load_stepping(
    manifest: Manifest, verify: Callable[[], Mapping[str, Path]], options: RuntimeOptions, plan: Plan | None
) -> Loaded:
    """A version that writes text: all cores work at each of its steps."""
    measured = plan.steps if plan is not None else None
    variant = plan.variant if plan is not None and measured else None
    loaded = open_version(manifest.in_variant(variant), verify, options, 1)
    cost = StepCost(**measured) if measured else None
    loaded.stepping = open_stepping(loaded.kernel, loaded.sessions, loaded.max_batch_size, cost)
    loaded.curve = loaded.stepping.curve
    loaded.plan = plan if measured else None
    return loaded


def open_version(
    manifest: Manifest, verify: Callable[[], Mapping[str, Path]], options: RuntimeOptions, num_lanes: int
) -> Loaded:
    """A version that is warm and has answered its golden examples. A GPU runs one batch at a time.

    Raises InvalidArtifact.
    """
    if manifest.task not in TASKS:
        raise InvalidArtifact(f"task {manifest.task!r} is not known; there are: {', '.join(TASKS)}")
    task, files = task_of(manifest.task, manifest.config), verify()
    try:
        kernel = task.open(manifest.config, files)
    except ValidationError as error:
        raise InvalidArtifact(f"config does not fit task {manifest.task}: {said(first_fault(error))}") from error
    except KeyError as error:
        raise InvalidArtifact(f"config names {error}, which is not among the files") from error
    options = _of_decoders(options) if kernel.steps else options
    sessions = open_sessions(manifest, files, options)
    loaded = Loaded(
        manifest,
        verify,
        options,
        kernel,
        task.views(kernel),
        sessions,
        graph_files=[files[name] for name in manifest.graphs.values()],
    )
    loaded.num_lanes = num_lanes if loaded.is_on_cpu else 1
    kernel.prepare_with(sessions)
    warm_up(loaded)
    check_golden(loaded)
    loaded.max_batch_size = largest_batch(manifest, kernel, sessions, files)
    return loaded


def steps(manifest: Manifest) -> bool:
    return manifest.task in TASKS and task_of(manifest.task, manifest.config).Kernel.steps


def _of_decoders(options: RuntimeOptions) -> RuntimeOptions:
    """Keys and values are in the memory of the processor, and would travel at every step. Raises ModelNotReady."""
    if options.device == "cuda":
        raise ModelNotReady("device cuda was asked for, and text is written on the CPU only")
    return replace(options, device="cpu")


def open_sessions(manifest: Manifest, files: Mapping[str, Path], options: RuntimeOptions) -> dict[str, Session]:
    """Raises InvalidArtifact, also of a graph that reads other files than `files`."""
    open_graph, options = RUNTIMES[manifest.runtime], replace(options, precision=manifest.precision)
    if manifest.runtime == "onnx":
        for file in manifest.graphs.values():
            require_listed(files[file], files.values())
    return {graph: open_graph(files[file], options) for graph, file in manifest.graphs.items()}


def check_golden(loaded: Loaded) -> None:
    """Raises InvalidArtifact at the first golden example whose answer differs from the known one."""
    own = loaded.views[0]
    for i, golden in enumerate(loaded.manifest.golden):
        try:
            output = predict_json(own, loaded.sessions, golden.input, golden.parameters)
            expected, found = own.contract.comparable(golden.output), own.contract.comparable(output)
        except (ModelNotReady, Overloaded):  # is no fault of the version
            raise
        except Exception as error:
            raise InvalidArtifact(f"golden example {i} fails: {error}") from error
        if where := difference(expected, found, golden.tolerance):
            raise InvalidArtifact(f"golden example {i} has another answer on this machine: {where}")


def run_probe(loaded: Loaded, rows: int, length: int) -> None:
    """Run a batch of the task's probe rows, if it knows one; raises what the sessions raise."""
    if row := loaded.kernel.probe(length):
        loaded.kernel.run(loaded.sessions, [row] * rows)


def time_probe(loaded: Loaded, rows: int, length: int) -> float:
    """Run a batch of probe rows, and return its seconds, of the thread's own if no other has a part in it.

    These are hardly more where the thread shares its processor, or waits for it.
    """
    started, began = perf_counter(), thread_time()
    run_probe(loaded, rows, length)
    taken, used = perf_counter() - started, thread_time() - began
    return used if loaded.is_on_one_thread and 0 < used < taken else taken  # some clocks of processors count in ticks


def warm_up(loaded: Loaded) -> None:
    """Predict once, so that whatever is allocated or compiled on first use is so."""
    run_probe(loaded, 1, loaded.kernel.lengths[0])


def restore(loaded: Loaded) -> None:
    """Open the sessions anew; the files may have changed since, so they are checked like those of a new version."""
    loaded.sessions = open_sessions(loaded.manifest, loaded.verify(), loaded.options)
    loaded.kernel.prepare_with(loaded.sessions)
    warm_up(loaded)
    check_golden(loaded)
    if loaded.stepping is not None:
        loaded.stepping.reopen(loaded.kernel, loaded.sessions)
