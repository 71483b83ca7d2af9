"""One loaded model version: its views, and the scheduler between them and its graphs."""

from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from time import perf_counter
from typing import Any

from app.errors import InferenceFailed
from app.serving.asked_once import AnswerCache
from app.serving.batcher import Batcher
from app.serving.composing import Composing
from app.serving.engine import Ask, Prediction, Predicts, Steps, Timing, total
from app.serving.items import Pools
from app.serving.loading import Loaded, restore, warm_up
from app.serving.raw import RawView
from app.serving.scheduled import ScheduledModel
from app.serving.scheduler import Turn
from app.tasks.view import View, require_parameters
from app.telemetry import ModelObserver
from app.tensors import Tensors


class Model(ScheduledModel):
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
        cache: AnswerCache | None = None,
        drift: bool = False,
        find: Callable[[str], Predicts],
    ) -> None:
        """`find` gives what answers as another model, which composed answers ask. It raises what `Engine.find` does."""
        kernel = loaded.kernel
        # What the batcher calls does not refer to this model: no circle keeps it in memory.
        self._batcher: Batcher[Tensors, Tensors] = Batcher(
            lambda rows: kernel.run(loaded.sessions, rows),
            curve=loaded.curve,
            max_batch_size=loaded.max_batch_size,
            max_queue_size=max_queue_size,
            observer=observer,
            length=kernel.length,
            group=kernel.group,
            check=partial(warm_up, loaded),
            restore=partial(restore, loaded),
            num_lanes=loaded.num_lanes,
            name=loaded.name,
        )
        super().__init__(
            loaded,
            [*loaded.views, RawView(kernel, loaded.manifest, max_queue_size)],
            self._batcher,
            pools,
            max_queue_size=max_queue_size,
            max_pixels=max_pixels,
            observer=observer,
            card=card,
            cache=cache,
            drift=drift,
        )
        self._find = find

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        yield await self.predict(ask)

    async def predict(self, ask: Ask) -> Prediction:
        view = self._view(ask.view)
        if not view.asks_nothing:
            return await super().predict(ask)
        deadline = self._loop.time() + ask.within_s
        with self._in_flight:
            told = await self._items.tell(view, ask.items, ask.parameters, deadline, ask.caller)
        manifest = self.served.manifest
        return Prediction(manifest.name, manifest.version, told, Timing(0, 0, 0, 0, 0, 0))

    async def _outputs(self, view: View[Any], ask: Ask, deadline: float) -> tuple[list[Any], Timing, Steps]:
        if not view.is_composed(ask.parameters):
            return *(await self._answer(view, ask, deadline)), ()
        require_parameters(view, ask.parameters)
        composing = Composing(ask, deadline, self._answer, self._find)
        outputs = await composing.outputs(view)
        return outputs, total([timing for _, timing in composing.steps]), composing.steps

    def _admit(self, view: View[Any], ask: Ask, deadline: float) -> tuple[Turn, list[int]]:
        """Let it in, and tell the lengths that are foreseen of its rows; or refuse it before anything is made of it.

        When there is too much to do, the refusals must cost nothing: some items are looked at, then twice as many.
        """
        foreseen: list[int] = []
        looked_at, until, priority = 0, 1, ask.priority or view.priority
        while True:
            for item in ask.items[looked_at:until]:
                foreseen += view.foreseen(item, ask.parameters)
            turn = self._batcher.admit(deadline, priority, ask.caller, foreseen, len(ask.items))
            if until >= len(ask.items):
                return turn._replace(traceparent=ask.traceparent) if ask.traceparent else turn, foreseen
            looked_at, until = until, 2 * until

    async def _answer(self, view: View[Any], ask: Ask, deadline: float) -> tuple[list[Any], Timing]:
        turn, foreseen = self._admit(view, ask, deadline)
        started = perf_counter()
        with self._batcher.preparing(turn, foreseen):
            prepared = await self._items.prepare(view, ask.items, ask.parameters, turn)
        preprocessed = perf_counter()
        try:
            answers = await self._batcher.submit([row for one in prepared for row in one.rows], turn)
        except InferenceFailed as error:
            raise view.refused(error) from error.__cause__
        answered = perf_counter()
        outputs = await self._items.finish(view, ask.items, prepared, answers, ask.parameters, turn)
        return outputs, Timing(
            preprocessed - started,
            answers.queue_s,
            answers.inference_s,
            perf_counter() - answered,
            answers.rows,
            answers.length,
            answers.batches,
        )
