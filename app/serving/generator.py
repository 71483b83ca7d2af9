"""One loaded version that writes text: its views, and the stepper between them and its decoder."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from functools import partial
from time import perf_counter
from typing import Any, Self

from app.errors import InvalidInput
from app.serving.engine import Ask, Prediction, Served, Timing
from app.serving.in_flight import InFlight
from app.serving.items import Items, Pools
from app.serving.loading import Loaded, restore, warm_up
from app.serving.merging import merged
from app.serving.plan import Tuning
from app.serving.raw import form_of
from app.serving.scheduler import Turn
from app.serving.stepper import Stepper
from app.tasks.generation_pieces import Pieces
from app.tasks.generation_schema import GenerationPiece
from app.tasks.text_generation import TextGeneration
from app.tasks.view import Prepared
from app.telemetry import ModelObserver, Statistics
from app.telemetry.generation import GenerationObserver


class TextGenerator:
    """A version that is live: it answers items token by token, until it is drained."""

    def __init__(
        self,
        loaded: Loaded,
        pools: Pools,
        *,
        max_queue_size: int,
        max_pixels: int,
        observer: ModelObserver,
        card: Mapping[str, bytes],
    ) -> None:
        manifest, stepping = loaded.manifest, loaded.stepping
        assert stepping is not None
        self.served = Served(
            manifest,
            contracts={view.contract.name: view.contract for view in loaded.views},
            forms={view.contract.name: form_of(view, manifest) for view in loaded.views},
            class_names={},
            card=card,
        )
        self.statistics: Statistics = observer.statistics
        self.loaded = loaded
        self._views = {view.contract.name: view for view in loaded.views}
        name = f"{manifest.name}/{manifest.version}"
        self._items = Items(name, pools, max_rows=max_queue_size, max_pixels=max_pixels, refused=observer.refused)
        self._observer = observer
        self._metrics = GenerationObserver(observer.telemetry.generation, observer.model, observer.version)
        self._stepper = Stepper(
            lambda: stepping.decoder,
            cost=stepping.cost,
            most_rows=stepping.most_rows,
            most_tokens=stepping.most_tokens,
            max_queue_size=max_queue_size,
            observer=self._metrics,
            refused=observer.refused,
            died=observer.worker_died,
            check=partial(warm_up, loaded),
            restore=partial(restore, loaded),
            name=name,
        )
        self._in_flight = InFlight(manifest)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await self._stack.enter_async_context(self._stepper)
        stepper = self._stepper
        self._observer.watch(lambda: stepper.queue_size, lambda: self.is_ready)
        self._metrics.watch(lambda: stepper.num_in_flight, lambda: stepper.known_tokens)
        self._stack.callback(self._observer.unload)
        self._stack.callback(self._metrics.unload)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._in_flight.accepts = False
        await self._stack.aclose()

    @property
    def is_ready(self) -> bool:
        return self._in_flight.accepts and self._stepper.is_ready

    @property
    def is_lost(self) -> bool:
        """Whether it cannot predict until its files are mended: no worker could be restored."""
        return self._stepper.is_lost

    @property
    def placements(self) -> dict[str, dict[str, str]]:
        return self.loaded.placements

    @property
    def tuning(self) -> Tuning:
        """Its use of this machine."""
        loaded, stepping = self.loaded, self.loaded.stepping
        assert stepping is not None
        measured = loaded.plan.measured if loaded.plan else loaded.loaded
        alone_s = stepping.cost.step_s(1, 1)
        return Tuning(loaded.plan, loaded.options.threads, loaded.num_lanes, measured, alone_s, self._stepper.slower)

    async def drain(self) -> None:
        await self._in_flight.drain()

    async def predict(self, ask: Ask) -> Prediction:
        """Answer items, each as a whole."""
        pieces: dict[int, list[GenerationPiece]] = {}
        answers: dict[int, Pieces] = {}
        timing = Timing(0, 0, 0, 0, 0, 0)
        async with aclosing(self._stream(ask)) as stream:
            async for piece, answer, spent in stream:
                pieces.setdefault(piece.item, []).append(piece)
                answers[piece.item], timing = answer, spent
        outputs = [answers[item].whole(pieces[item]) for item in sorted(pieces)]
        return self._prediction(outputs, timing)

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        """Answer items piece by piece; pieces of several are mixed, and each says whose it is."""
        async with aclosing(self._stream(ask)) as stream:
            async for piece, _, timing in stream:
                yield self._prediction([piece], timing)

    async def _stream(self, ask: Ask) -> AsyncGenerator[tuple[GenerationPiece, Pieces, Timing], None]:
        """Each new piece, with the answer that it is of, and what it took up to there."""
        manifest = self.served.manifest
        view = self._views.get(ask.view)
        if not isinstance(view, TextGeneration):
            raise InvalidInput(f"{manifest.name} has no {ask.view!r:.60}; it has: {', '.join(self._views)}")
        deadline, started = self._loop.time() + ask.within_s, perf_counter()
        with self._in_flight:
            try:
                turn = self._stepper.admit(deadline, ask.priority or view.priority, ask.caller)
                prepared = await self._items.prepare(view, ask.items, ask.parameters, turn)
                preprocess_s = perf_counter() - started
                answers = [view.begin(one, ask.parameters, item) for item, one in enumerate(prepared)]
                queue_s = 0.0
                streams = [self._answer(one, answer, turn) for one, answer in zip(prepared, answers, strict=True)]
                async with aclosing(merged(streams) if len(streams) > 1 else streams[0]) as pieces:
                    async for piece, waited_s in pieces:
                        queue_s = max(queue_s, waited_s)
                        spent_s = perf_counter() - started - preprocess_s - queue_s
                        timing = Timing(preprocess_s, queue_s, spent_s, 0.0, len(prepared), piece.prompt_tokens)
                        yield piece, answers[piece.item], timing
            except BaseException:
                self._observer.not_answered(perf_counter() - started)
                raise
        self._observer.answered(perf_counter() - started, preprocess_s, queue_s, timing.inference_s, 0.0)
        self._observer.items_answered(len(prepared))

    async def _answer(
        self, prepared: Prepared, answer: Pieces, turn: Turn
    ) -> AsyncGenerator[tuple[GenerationPiece, float], None]:
        """Pieces of one answer, each with how long its prompt has waited."""
        async with aclosing(self._stepper.generate(prepared.context.prompt, turn, lambda: answer.is_over)) as stream:
            async for progress in stream:
                piece = answer.push(progress)
                if piece.text or piece.tokens or piece.finish_reason:
                    yield piece, progress.queue_s
                if answer.is_over:
                    return

    def _prediction(self, outputs: list[Any], timing: Timing) -> Prediction:
        return Prediction(self.served.manifest.name, self.served.manifest.version, outputs, timing)
