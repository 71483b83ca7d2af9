"""One loaded model version: its views, and the scheduler between them and its graphs."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from time import perf_counter
from typing import Any, Self

from app.errors import InferenceFailed, InvalidInput
from app.serving.batcher import Batcher
from app.serving.composing import Composing
from app.serving.engine import Ask, Prediction, Servable, Served, Timing, total
from app.serving.in_flight import InFlight
from app.serving.items import Items, Pools
from app.serving.loading import Loaded, restore, warm_up
from app.serving.plan import Tuning
from app.serving.raw import RawView, form_of
from app.serving.scheduler import Scheduler
from app.tasks.view import View, require_parameters
from app.telemetry import ModelObserver, Statistics
from app.tensors import Tensors


class Model:
    """A version that is live: it answers items, in batches, until it is drained."""

    def __init__(
        self,
        loaded: Loaded,
        pools: Pools,
        *,
        max_queue_size: int,
        max_pixels: int,
        observer: ModelObserver,
        card: Mapping[str, bytes],
        find: Callable[[str], Servable],
    ) -> None:
        """`find` gives what answers as another model, which composed answers ask. It raises what `Engine.find` does."""
        manifest, kernel = loaded.manifest, loaded.kernel
        views: Sequence[View[Any]] = [*loaded.views, RawView(kernel, manifest, max_queue_size)]
        self.served = Served(
            manifest,
            contracts={view.contract.name: view.contract for view in loaded.views},
            forms={view.contract.name: form_of(view, manifest) for view in views},
            class_names=kernel.class_names,
            card=card,
        )
        self.statistics: Statistics = observer.statistics
        self.loaded = loaded
        self._views = {view.contract.name: view for view in views}
        self._name = f"{manifest.name}/{manifest.version}"
        self._items = Items(self._name, pools, max_rows=max_queue_size, max_pixels=max_pixels, refused=observer.refused)
        self._observer = observer
        self._find = find
        # What the batcher calls does not refer to this model: no circle keeps it in memory.
        self._batcher: Batcher[Tensors, Tensors] = Batcher(
            lambda rows: kernel.run(loaded.sessions, rows),
            curve=loaded.curve,
            max_batch_size=loaded.max_batch_size,
            max_queue_size=max_queue_size,
            observer=observer,
            length=kernel.length,
            group=kernel.group,
            check=lambda: warm_up(loaded),
            restore=partial(restore, loaded),
            num_lanes=loaded.num_lanes,
            name=self._name,
        )
        self._scheduler: Scheduler[Tensors, Tensors] = self._batcher
        self._in_flight = InFlight(manifest)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await self._stack.enter_async_context(self._batcher)
        self._observer.watch(lambda: self._scheduler.queue_size, lambda: self.is_ready)
        self._stack.callback(self._observer.unload)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._in_flight.accepts = False
        await self._stack.aclose()

    @property
    def is_ready(self) -> bool:
        return self._in_flight.accepts and self._scheduler.is_ready

    @property
    def is_lost(self) -> bool:
        """Whether it cannot predict until its files are mended: no worker could be restored."""
        return self._batcher.is_lost

    @property
    def placements(self) -> dict[str, dict[str, str]]:
        return self.loaded.placements

    @property
    def tuning(self) -> Tuning:
        """Return how it uses this machine."""
        loaded = self.loaded
        measured = loaded.plan.measured if loaded.plan else loaded.loaded
        alone_s = loaded.curve.seconds(1, loaded.kernel.lengths[0])
        return Tuning(loaded.plan, loaded.options.threads, loaded.num_lanes, measured, alone_s, self._batcher.slower)

    async def drain(self) -> None:
        await self._in_flight.drain()

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        yield await self.predict(ask)

    async def predict(self, ask: Ask) -> Prediction:
        """Answer items, unless the version is being unloaded; `drain` waits for it, and the statistics tell of it."""
        manifest = self.served.manifest
        view = self._views.get(ask.view)
        if view is None:
            raise InvalidInput(f"{manifest.name} has no {ask.view!r:.60}; it has: {', '.join(self._views)}")
        deadline = self._loop.time() + ask.within_s
        with self._in_flight:
            if view.asks_nothing:
                told = await self._items.tell(view, ask.items, ask.parameters, deadline, ask.caller)
                return Prediction(manifest.name, manifest.version, told, Timing(0, 0, 0, 0, 0, 0))
            started = perf_counter()
            try:
                outputs, timing, steps = await self._answer_or_compose(view, ask, deadline)
            except Exception:
                self._observer.not_answered(perf_counter() - started)
                raise
        self._observer.answered(
            perf_counter() - started,
            timing.preprocess_s, timing.queue_s, timing.inference_s, timing.postprocess_s,
        )  # fmt: skip
        return Prediction(manifest.name, manifest.version, outputs, timing, steps)

    async def _answer_or_compose(
        self, view: View[Any], ask: Ask, deadline: float
    ) -> tuple[list[Any], Timing, tuple[tuple[str, Timing], ...]]:
        if not view.is_composed(ask.parameters):
            return *(await self._answer(view, ask, deadline)), ()
        require_parameters(view, ask.parameters)
        composing = Composing(ask, deadline, self._answer, self._find)
        outputs = await composing.outputs(view)
        return outputs, total([timing for _, timing in composing.steps]), composing.steps

    async def _answer(self, view: View[Any], ask: Ask, deadline: float) -> tuple[list[Any], Timing]:
        # Refuse before decoding anything: when there is too much to do, the refusals must cost nothing.
        turn = self._scheduler.admit(deadline, ask.priority or view.priority, ask.caller)
        started = perf_counter()
        prepared = await self._items.prepare(view, ask.items, ask.parameters, turn)
        preprocessed = perf_counter()
        try:
            answers = await self._scheduler.submit([row for one in prepared for row in one.rows], turn)
        except InferenceFailed as error:
            raise view.refused(error) from error.__cause__
        answered = perf_counter()
        outputs = await self._items.finish(view, prepared, answers, ask.parameters, turn)
        return outputs, Timing(
            preprocessed - started,
            answers.queue_s,
            answers.inference_s,
            perf_counter() - answered,
            answers.rows,
            answers.length,
        )
