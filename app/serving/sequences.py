"""One loaded version that makes sequences of sequences: its views, and the stepper before its encoder and decoder."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from time import perf_counter
from typing import Any

from app.generation.prompt import Token
from app.serving.engine import Ask, Prediction, Timing
from app.serving.scheduler import Answers, Turn
from app.serving.stepped import SteppedModel
from app.tasks.view import View
from app.tensors import Tensors

ROWS_AHEAD = 2  # times as many rows of a request as step at a time are in the stepper, or wait there


class SequenceModel(SteppedModel):
    """A version that is live: it answers rows, each a source, by sequences of tokens, until it is drained."""

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        yield await self.predict(ask)

    async def predict(self, ask: Ask) -> Prediction:
        """Answer items, unless the version is being unloaded; `drain` waits for it, and the statistics tell of it."""
        manifest, view = self.served.manifest, self._view(ask.view)
        deadline, started = self._loop.time() + ask.within_s, perf_counter()
        with self._in_flight:
            try:
                outputs, timing = await self._answer(view, ask, deadline)
            except Exception:
                self._observer.not_answered(perf_counter() - started)
                raise
        spent_s = perf_counter() - started
        self._observer.answered(spent_s, timing.preprocess_s, timing.queue_s, timing.inference_s, timing.postprocess_s)
        self._observer.items_answered(len(outputs))
        return Prediction(manifest.name, manifest.version, outputs, timing)

    async def _answer(self, view: View[Any], ask: Ask, deadline: float) -> tuple[list[Any], Timing]:
        started = perf_counter()
        turn = self.stepper.admit(deadline, ask.priority or view.priority, ask.caller)
        prepared = await self._items.prepare(view, ask.items, ask.parameters, turn)
        preprocessed = perf_counter()
        answers = await self._submit([row for one in prepared for row in one.rows], turn)
        answered = perf_counter()
        outputs = await self._items.finish(view, prepared, answers, ask.parameters, turn)
        return outputs, Timing(
            preprocessed - started,
            answers.queue_s,
            answered - preprocessed - answers.queue_s,
            perf_counter() - answered,
            answers.rows,
            answers.length,
        )

    async def _submit(self, rows: Sequence[Tensors], turn: Turn) -> Answers[Tensors]:
        """Answer rows; the first that fails ends the others."""
        places = asyncio.Semaphore(ROWS_AHEAD * self.loaded.max_batch_size)

        async def one(row: Tensors) -> tuple[Tensors, float]:
            async with places:
                return await self._write(row, turn)

        tasks = [asyncio.create_task(one(row)) for row in rows]
        try:
            written = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        lengths = [self.loaded.kernel.length(row) for row in rows]
        return Answers(
            [answer for answer, _ in written],
            queue_s=min((queue_s for _, queue_s in written), default=0.0),
            inference_s=0.0,
            rows=len(rows),
            length=max(lengths, default=0),
        )

    async def _write(self, row: Tensors, turn: Turn) -> tuple[Tensors, float]:
        """Return one answer, and how long it has waited."""
        kernel, tokens, queue_s = self.loaded.kernel, list[Token](), 0.0
        async with aclosing(self.stepper.generate(kernel.prompt_of(row), turn, lambda: False)) as stream:
            async for progress in stream:
                tokens += progress.tokens
                queue_s = progress.queue_s
        return kernel.answer_of(tokens), queue_s
