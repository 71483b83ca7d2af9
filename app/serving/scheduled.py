"""One loaded version that has graphs: its views, a scheduler before its graphs, and its life until it is drained."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from time import perf_counter
from typing import Any, Self

from app.drift.counting import drift_watch
from app.errors import InvalidInput
from app.runtimes.chance import draws_at_random
from app.serving.asked_once import AnswerCache, AskedOnce
from app.serving.engine import Ask, Prediction, Served, Steps, Timing
from app.serving.in_flight import InFlight
from app.serving.items import Items, Pools
from app.serving.loading import Loaded
from app.serving.plan import Tuning
from app.serving.raw import form_of
from app.serving.scheduler import Scheduler
from app.tasks.view import View
from app.telemetry import ModelObserver, Statistics
from app.telemetry.drift import WatchedDrift

LOOKED_THROUGH_S = 0.01  # for the operators of a graph


class ScheduledModel:
    """The common part of versions that answer by a scheduler, which lives as long as they do."""

    def __init__(
        self,
        loaded: Loaded,
        views: Sequence[View[Any]],
        scheduler: Scheduler,
        pools: Pools,
        *,
        max_queue_size: int,
        max_pixels: int,
        observer: ModelObserver,
        card: Mapping[str, bytes],
        cache: AnswerCache | None = None,
        drift: bool = False,
    ) -> None:
        """`views`: those of `loaded`, and what else it can be asked for. Without `cache` no answer is kept. `drift`:
        whether its own answers are compared with those of its training.
        """
        manifest = loaded.manifest
        self.served = Served(
            manifest,
            contracts={view.contract.name: view.contract for view in loaded.views},
            forms={view.contract.name: form_of(view, manifest) for view in views},
            class_names=loaded.kernel.class_names,
            card=card,
        )
        self.statistics: Statistics = observer.statistics
        self.loaded = loaded
        self._views = {view.contract.name: view for view in views}
        self._drift = drift_watch(loaded.name, loaded.views[0], manifest.reference) if drift else None
        self.statistics.drift = self._drift.counts if self._drift else None
        self._items = Items(
            loaded.name,
            pools,
            max_rows=max_queue_size,
            max_pixels=max_pixels,
            refused=observer.refused,
            answered=self._drift.count if self._drift else None,
        )
        self._observer = observer
        self._scheduler = scheduler
        self._in_flight = InFlight(manifest)
        self._cache = cache
        self._asked_once: AskedOnce | None = None
        self._threads = pools.before
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await self._stack.enter_async_context(self._scheduler)
        scheduler = self._scheduler
        if self._cache is not None and not await self._threads.run(self._draws_at_random, LOOKED_THROUGH_S):
            self._asked_once = AskedOnce(self._cache, self._outputs, scheduler, self._threads, self._observer)
            self._stack.callback(self._asked_once.close)
        drift = WatchedDrift(self._drift.counts, self._drift.compared) if self._drift else None
        self._observer.watch(lambda: scheduler.queue_size, lambda: self.is_ready, lambda: scheduler.queue_wait_s, drift)
        self._stack.callback(self._observer.unload)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._in_flight.accepts = False
        await self._stack.aclose()
        self._asked_once = None  # which refers back to this

    @property
    def is_ready(self) -> bool:
        return self._in_flight.accepts and self._scheduler.is_ready

    @property
    def is_lost(self) -> bool:
        """Whether it cannot predict until its files are mended: no worker could be restored."""
        return self._scheduler.is_lost

    @property
    def placements(self) -> dict[str, dict[str, str]]:
        return self.loaded.placements

    @property
    def tuning(self) -> Tuning:
        """Return how it uses this machine."""
        loaded = self.loaded
        measured = loaded.plan.measured if loaded.plan else loaded.loaded
        alone_s = loaded.curve.seconds(1, loaded.kernel.lengths[0])
        return Tuning(
            loaded.plan,
            loaded.options.threads,
            loaded.num_lanes,
            measured,
            alone_s,
            self._scheduler.slower,
            loaded.curve.learned,
        )

    def _draws_at_random(self) -> bool:
        """Whether a graph does, so that the same question may have another answer the next time."""
        return any(map(draws_at_random, self.loaded.graph_files))

    async def drain(self) -> None:
        await self._in_flight.drain()

    async def predict(self, ask: Ask) -> Prediction:
        """Answer items, unless the version is being unloaded; `drain` waits for it, and the statistics tell of it."""
        manifest, view = self.served.manifest, self._view(ask.view)
        deadline, started = self._loop.time() + ask.within_s, perf_counter()
        with self._in_flight:
            try:
                if self._asked_once is None:
                    (outputs, timing, steps), reuse = await self._outputs(view, ask, deadline), None
                else:
                    (outputs, timing, steps), reuse = await self._asked_once.outputs(view, ask, deadline)
            except Exception:
                self._observer.not_answered(perf_counter() - started)
                raise
        self._observer.answered(
            perf_counter() - started,
            timing.preprocess_s, timing.queue_s, timing.inference_s, timing.postprocess_s,
        )  # fmt: skip
        return Prediction(manifest.name, manifest.version, outputs, timing, steps, reuse)

    async def _outputs(self, view: View[Any], ask: Ask, deadline: float) -> tuple[list[Any], Timing, Steps]:
        """The output of each item, what that took, and who was asked for it."""
        raise NotImplementedError

    def _view(self, name: str) -> View[Any]:
        view = self._views.get(name)
        if view is None:
            raise InvalidInput(f"{self.served.manifest.name} has no {name!r:.60}; it has: {', '.join(self._views)}")
        return view
