"""One loaded version that makes sequences of sequences: its views, and the stepper before its encoder and decoder."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from time import perf_counter
from typing import Any

from app.errors import InvalidInput
from app.generation.prompt import Progress, Prompt
from app.serving.engine import Ask, Prediction, Steps, Timing
from app.serving.scheduler import Answers, Turn
from app.serving.stepped import SteppedModel
from app.tasks.view import Prepared, View
from app.tensors import Tensors

FEW_ROWS = 64  # of which prompts are made while the event loop waits: a millisecond


class SequenceModel(SteppedModel):
    """A version that is live: it answers rows, each a source, by sequences of tokens, until it is drained."""

    async def _outputs(self, view: View[Any], ask: Ask, deadline: float) -> tuple[list[Any], Timing, Steps]:
        started = perf_counter()
        turn, prepared = await self._prepare(view, ask, deadline)
        preprocessed, queue_s = perf_counter(), 0.0
        values: list[Tensors] = []
        async with aclosing(self._write(prepared, turn)) as written:
            async for progress in written:
                values.append(self._answer_of(progress))
                queue_s = progress.queue_s if len(values) == 1 else min(queue_s, progress.queue_s)
        answered = perf_counter()
        outputs = await self._items.finish(view, ask.items, prepared, Answers(values), ask.parameters, turn)
        self._observer.items_answered(len(outputs))
        spent_s = answered - preprocessed - queue_s
        rows, length = self._size(prepared)
        postprocess_s = perf_counter() - answered
        return outputs, Timing(preprocessed - started, queue_s, spent_s, postprocess_s, rows, length), ()

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        """Answer items in order, each by the pieces that its rows add, and then the whole of it."""
        manifest, view = self.served.manifest, self._view(ask.view)
        if view.contract.Piece is None:
            yield await self.predict(ask)
            return
        deadline, started = self._loop.time() + ask.within_s, perf_counter()
        with self._in_flight:
            try:
                turn, prepared = await self._prepare(view, ask, deadline)
                preprocess_s, queue_s = perf_counter() - started, 0.0
                rows, length = self._size(prepared)
                async with aclosing(self._pieces(view, ask, prepared, turn)) as pieces:
                    async for piece, waited_s in pieces:
                        queue_s = max(queue_s, waited_s)
                        spent_s = perf_counter() - started - preprocess_s - queue_s
                        timing = Timing(preprocess_s, queue_s, spent_s, 0.0, rows, length)
                        yield Prediction(manifest.name, manifest.version, [piece], timing)
            except BaseException:
                self._observer.not_answered(perf_counter() - started)
                raise
        self._observer.answered(perf_counter() - started, preprocess_s, queue_s, timing.inference_s, 0.0)
        self._observer.items_answered(len(prepared))

    async def _pieces(
        self, view: View[Any], ask: Ask, prepared: Sequence[Prepared], turn: Turn
    ) -> AsyncGenerator[tuple[Any, float], None]:
        """Each piece, with how long its row has waited."""
        Piece = view.contract.Piece
        async with aclosing(self._write(prepared, turn)) as written:
            for item, one in enumerate(prepared):
                answers: list[Tensors] = []
                if text := view.added(one, answers):
                    yield Piece(item=item, text=text), 0.0
                for _ in one.rows:
                    progress = await anext(written)
                    answers.append(self._answer_of(progress))
                    if text := view.added(one, answers):
                        yield Piece(item=item, text=text), progress.queue_s
                [output] = await self._items.finish(
                    view, [ask.items[item]], [one], Answers(answers), ask.parameters, turn
                )
                yield Piece(item=item, text="", output=output), 0.0

    async def _prepare(self, view: View[Any], ask: Ask, deadline: float) -> tuple[Turn, list[Prepared]]:
        turn = self.stepper.admit(deadline, ask.priority or view.priority, ask.caller)
        return turn, await self._items.prepare(view, ask.items, ask.parameters, turn)

    async def _write(self, prepared: Sequence[Prepared], turn: Turn) -> AsyncGenerator[Progress, None]:
        """The answer to each row, in their order."""
        rows = [row for one in prepared for row in one.rows]
        self._require_possible(rows, turn)
        prompts: list[Prompt] = []
        for row in rows:
            prompts.append(self.loaded.kernel.prompt_of(row))
            if len(prompts) % FEW_ROWS == 0:
                await asyncio.sleep(0)
        async with aclosing(self.stepper.write(prompts, turn)) as written:
            async for progress in written:
                yield progress

    def _require_possible(self, rows: Sequence[Tensors], turn: Turn) -> None:
        """Refuse what cannot be before prompts and answers are made of all rows: of each length it looks at one."""
        kernel, most = self.loaded.kernel, self.loaded.max_batch_size
        number, one_of = Counter(map(kernel.length, rows)), {kernel.length(row): row for row in rows}
        likes = [(kernel.prompt_of(row), number[length]) for length, row in one_of.items()]
        asked = max((prompt.beams.number for prompt, _ in likes), default=1)
        if asked > most:
            error = InvalidInput(f"is {asked}, and this model writes no more than {most} rows at a time")
            raise error.under("parameters", "num_beams")
        self.stepper.admit(turn.deadline, turn.priority, turn.caller, likes)

    def _size(self, prepared: Sequence[Prepared]) -> tuple[int, int]:
        """The number of rows, and the largest length of one."""
        lengths = [self.loaded.kernel.length(row) for one in prepared for row in one.rows]
        return len(lengths), max(lengths, default=0)

    def _answer_of(self, progress: Progress) -> Tensors:
        return self.loaded.kernel.answer_of(progress.tokens)
