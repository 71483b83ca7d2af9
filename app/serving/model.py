"""One loaded model version: a task, its sessions and the batcher between them."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Self, TypeVar

import numpy as np
from pydantic import ValidationError

from app.errors import (
    InferenceFailed,
    InvalidArtifact,
    InvalidInput,
    ModelNotReady,
    PayloadTooLarge,
)
from app.repository.golden import difference
from app.repository.manifest import Manifest
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.serving.batcher import Answers, Batcher, answer_by
from app.serving.company import largest_batch
from app.serving.curve import LatencyCurve, measure
from app.serving.items import Items, Pools
from app.serving.plan import Plan, Tuning
from app.serving.signature import require_signature
from app.tasks import TASKS
from app.tasks.kernel import Kernel
from app.tasks.refusals import refusal_of
from app.tasks.view import View, predict_json
from app.telemetry import ModelObserver
from app.tensors import Session, Tensors

Result = TypeVar("Result")

log = logging.getLogger(__name__)

MEASURE_BUDGET_S = 0.5
GUESSED = LatencyCurve({(1, 1): 0.01})  # where nothing can be measured
FEW_BYTES = 1_000_000  # are copied in about 0.1 ms
FEW_TEXTS, FEW_CHARACTERS = 1000, 100_000  # are decoded in about 0.2 ms


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of each stage of one request, and the largest batch that it was part of, as "rows x length"."""

    preprocess_s: float
    queue_s: float
    inference_s: float
    postprocess_s: float
    batch: str


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
    instances: int = 1
    """Batches that run at a time, each on `options.threads` cores."""
    plan: Plan | None = None
    """By which it is run; without one `curve` was measured quickly, when it was loaded."""
    loaded: datetime = field(default_factory=lambda: datetime.now(UTC))
    curve: LatencyCurve = field(default_factory=lambda: LatencyCurve({(1, 1): 1.0}))

    @property
    def is_tuned(self) -> bool:
        return self.plan is not None

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
    if plan:
        loaded = open_version(
            manifest.in_variant(plan.variant), verify, replace(options, threads=plan.threads), plan.instances
        )
        loaded.curve, loaded.plan = plan.curve, plan
        return loaded
    loaded = open_version(manifest, verify, replace(options, threads=1), options.threads)
    if not loaded.kernel.probe(loaded.kernel.lengths[0]):
        loaded.curve = GUESSED
        return loaded
    loaded.curve = measure(
        partial(run_probe, loaded), loaded.kernel.lengths, loaded.max_batch_size, budget_s=MEASURE_BUDGET_S
    )
    # The largest batches were only tried; sixteen photos take 160 MB.
    with ExitStack() as stack:
        for session in loaded.sessions.values():
            stack.enter_context(session.trimmed())
        warm_up(loaded)
    return loaded


def open_version(
    manifest: Manifest, verify: Callable[[], Mapping[str, Path]], options: RuntimeOptions, instances: int
) -> Loaded:
    """A version that is warm and has answered its golden examples. A GPU runs one batch at a time.

    Raises InvalidArtifact.
    """
    if manifest.task not in TASKS:
        raise InvalidArtifact(f"task {manifest.task!r} is not known; there are: {', '.join(TASKS)}")
    task, files = TASKS[manifest.task], verify()
    try:
        kernel = task.open(manifest.config, files)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidArtifact(f"config does not fit task {manifest.task}: {where}: {first['msg']}") from error
    except KeyError as error:
        raise InvalidArtifact(f"config names {error}, which is not among the files") from error
    sessions = open_sessions(manifest, files, options)
    on_cpu = all(session.placement.device == "cpu" for session in sessions.values())
    loaded = Loaded(
        manifest, verify, options, kernel, task.views(kernel), sessions, instances=instances if on_cpu else 1
    )
    warm_up(loaded)
    check_golden(loaded)
    loaded.max_batch_size = largest_batch(manifest, kernel, sessions, files)
    return loaded


def open_sessions(manifest: Manifest, files: Mapping[str, Path], options: RuntimeOptions) -> dict[str, Session]:
    open_graph, options = RUNTIMES[manifest.runtime], replace(options, precision=manifest.precision)
    return {graph: open_graph(files[file], options) for graph, file in manifest.graphs.items()}


def check_golden(loaded: Loaded) -> None:
    """Raises InvalidArtifact at the first golden example whose answer differs from the known one."""
    own = loaded.views[0]
    for i, golden in enumerate(loaded.manifest.golden):
        try:
            output = predict_json(own, loaded.sessions, golden.input, golden.parameters)
            expected, found = own.comparable(golden.output), own.comparable(output)
        except Exception as error:
            raise InvalidArtifact(f"golden example {i} fails: {error}") from error
        if where := difference(expected, found, golden.tolerance):
            raise InvalidArtifact(f"golden example {i} has another answer on this machine: {where}")


def run_probe(loaded: Loaded, rows: int, length: int) -> None:
    """Run a batch of the task's probe rows, if it knows one; raises what the sessions raise."""
    if row := loaded.kernel.probe(length):
        loaded.kernel.run(loaded.sessions, [row] * rows)


def warm_up(loaded: Loaded) -> None:
    """What is allocated or compiled on first use is so after this."""
    run_probe(loaded, 1, loaded.kernel.lengths[0])


def restore(loaded: Loaded) -> None:
    """Open the sessions anew; the files may have changed since, so they are checked like those of a new version."""
    loaded.sessions = open_sessions(loaded.manifest, loaded.verify(), loaded.options)
    warm_up(loaded)
    check_golden(loaded)


class Model:
    """A version that is live: it answers items, in batches, until it is drained."""

    def __init__(
        self, loaded: Loaded, pools: Pools, *, max_queue_size: int, max_pixels: int, observer: ModelObserver
    ) -> None:
        self.manifest = loaded.manifest
        self.statistics = observer.statistics
        self.loaded = loaded
        self.kernel = loaded.kernel
        self._own = loaded.views[0]
        self._views = {view.contract.name: view for view in loaded.views}
        self._pools = pools
        self._name = f"{self.manifest.name}/{self.manifest.version}"
        self._items = Items(self._name, pools, max_rows=max_queue_size, max_pixels=max_pixels, refused=observer.refused)
        self._observer = observer
        self._max_queue_size = max_queue_size
        kernel = loaded.kernel  # what the batcher calls does not refer to this model: no circle keeps it in memory
        self._batcher: Batcher[Tensors, Tensors] = Batcher(
            lambda rows: kernel.run(loaded.sessions, rows),
            curve=loaded.curve,
            max_batch_size=loaded.max_batch_size,
            max_queue_size=max_queue_size,
            observer=observer,
            length=loaded.kernel.length,
            group=loaded.kernel.group,
            check=lambda: warm_up(loaded),
            restore=partial(restore, loaded),
            num_workers=loaded.instances,
            name=self._name,
        )
        self._accepts = True
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._batcher)
        self._observer.watch(lambda: self._batcher.queue_size, lambda: self.is_ready)
        self._stack.callback(self._observer.unload)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._accepts = False
        await self._stack.aclose()

    @property
    def is_ready(self) -> bool:
        return self._accepts and self._batcher.is_ready

    @property
    def is_lost(self) -> bool:
        """Whether it cannot predict until its files are mended: no worker could be restored."""
        return self._batcher.is_lost

    @property
    def tuning(self) -> Tuning:
        """How it uses this machine."""
        loaded = self.loaded
        measured = loaded.plan.measured if loaded.plan else loaded.loaded
        alone_s = loaded.curve.seconds(1, loaded.kernel.lengths[0])
        return Tuning(loaded.plan, loaded.options.threads, loaded.instances, measured, alone_s, self._batcher.slower)

    async def drain(self) -> None:
        """Refuse requests from now on; return when those that were admitted are answered."""
        self._accepts = False
        await self._idle.wait()

    async def predict(
        self, items: Sequence[Any], parameters: Any, deadline: float, task: str | None = None, caller: str = ""
    ) -> tuple[list[Any], Timing]:
        """Answer items in order, by `deadline` of the event loop's clock; `task` names a view of the model's task.

        Raises InvalidInput that names the item, and whatever `Batcher.submit` raises.
        """
        return await self._counted(
            self._predict(self._own if task is None else self._views[task], items, parameters, deadline, caller)
        )

    def find_items(self, query: str, limit: int) -> Sequence[Any]:
        view = self._views.get("items")
        if view is None:
            raise InvalidInput(f"a model for {self.manifest.task} has no items to list; only one that recommends has")
        item = view.contract.Input(query=query)
        parameters = view.contract.Parameters(limit=limit)
        found: Sequence[Any] = view.postprocess(view.preprocess(item, parameters), [], parameters)
        return found

    async def infer(
        self, inputs: Tensors, deadline: float, priority: int = 0, caller: str = ""
    ) -> tuple[Tensors, Timing]:
        """Answer a batch of the tensors that the manifest names, as a batch; its rows queue as those of items do.

        `priority` is that of `Batcher.submit`. Raises InvalidInput that names the input, and whatever `submit` raises.
        """
        return await self._counted(self._infer(inputs, deadline, priority, caller))

    async def _counted(self, answering: Coroutine[Any, Any, tuple[Result, Timing]]) -> tuple[Result, Timing]:
        """Await it, unless the version is being unloaded; `drain` waits for it, and the statistics tell of it."""
        if not self._accepts:
            answering.close()
            raise ModelNotReady(f"{self.manifest.name} version {self.manifest.version} is being unloaded")
        self._in_flight += 1
        self._idle.clear()
        started = perf_counter()
        try:
            result, timing = await answering
        except Exception:
            self._observer.not_answered(perf_counter() - started)
            raise
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()
        self._observer.answered(
            perf_counter() - started,
            timing.preprocess_s, timing.queue_s, timing.inference_s, timing.postprocess_s,
        )  # fmt: skip
        return result, timing

    async def _predict(
        self, view: View[Any], items: Sequence[Any], parameters: Any, deadline: float, caller: str
    ) -> tuple[list[Any], Timing]:
        # Refuse before decoding anything: when there is too much to do, the refusals must cost nothing.
        self._batcher.admit(1, 0.0, deadline, view.priority, caller)
        started = perf_counter()
        prepared = await self._items.prepare(view, items, parameters, deadline, caller)
        preprocessed = perf_counter()
        rows = [row for one in prepared for row in one.rows]
        try:
            answers = await self._batcher.submit(rows, deadline, view.priority, caller)
        except InferenceFailed as error:
            raise view.refused(error) from error.__cause__
        answered = perf_counter()
        outputs = await self._items.finish(view, prepared, answers, parameters, deadline, caller)
        return outputs, Timing(
            preprocess_s=preprocessed - started,
            queue_s=answers.queue_s,
            inference_s=answers.inference_s,
            postprocess_s=perf_counter() - answered,
            batch=answers.largest_batch,
        )

    async def _infer(self, inputs: Tensors, deadline: float, priority: int, caller: str) -> tuple[Tensors, Timing]:
        started = perf_counter()
        if are_quick(inputs):
            rows = self._rows(inputs)
        else:
            async with answer_by(deadline):
                rows = await self._pools.before.run(lambda: self._rows(inputs), 0.0, caller=(caller, self._name))
        preprocessed = perf_counter()
        try:
            answers = await self._batcher.submit(rows, deadline, priority, caller)
        except InferenceFailed as error:
            raise refusal_of(error, by_item=False) from error.__cause__
        answered = perf_counter()
        if sum(array.nbytes for row in answers.values for array in row.values()) <= FEW_BYTES:
            outputs = self._outputs(answers)
        else:
            async with answer_by(deadline):
                outputs = await self._pools.after.run(lambda: self._outputs(answers), 0.0, caller=(caller, self._name))
        return outputs, Timing(
            preprocess_s=preprocessed - started,
            queue_s=answers.queue_s,
            inference_s=answers.inference_s,
            postprocess_s=perf_counter() - answered,
            batch=answers.largest_batch,
        )

    def _rows(self, inputs: Tensors) -> list[Tensors]:
        try:
            require_signature(inputs, self.manifest.inputs, may_be_empty=self.kernel.takes_any_tensors)
            num_rows = self.kernel.num_rows(inputs)
            if num_rows > self._max_queue_size:
                raise PayloadTooLarge(
                    f"these are {num_rows} rows, and a request may have {self._max_queue_size}; "
                    "send them in several requests"
                )
            return self.kernel.rows_of(inputs)
        except InvalidInput as error:
            raise error.under("inputs") if error.details else error from None

    def _outputs(self, answers: Answers[Tensors]) -> Tensors:
        try:
            outputs = self.kernel.batch_of(answers.values)
            return {tensor.name: outputs[tensor.name] for tensor in self.manifest.outputs}
        except KeyError as error:
            raise InferenceFailed(f"the graph has no output {error}, though the manifest names it") from None
        except ValueError:
            raise InferenceFailed("the graph gave rows of different shapes, which make no tensor") from None


def are_quick(tensors: Tensors) -> bool:
    """Whether making rows of these takes less than handing them to another thread would."""
    texts = [array for array in tensors.values() if array.dtype == np.object_]
    return (
        sum(array.nbytes for array in tensors.values()) <= FEW_BYTES
        and sum(array.size for array in texts) <= FEW_TEXTS
        and sum(len(one) for array in texts for one in array.flat) <= FEW_CHARACTERS
    )
