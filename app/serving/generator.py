"""One loaded version that writes text: its views, and the stepper between them and its decoder."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import perf_counter
from typing import Any

from app.serving.engine import Ask, Prediction, Timing
from app.serving.merging import merged
from app.serving.scheduler import Turn
from app.serving.stepped import SteppedModel
from app.tasks.generation_pieces import Pieces
from app.tasks.generation_schema import GenerationPiece
from app.tasks.text_generation import TextGeneration
from app.tasks.view import Prepared


class TextGenerator(SteppedModel):
    """A version that is live: it answers items token by token, until it is drained."""

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
        view = self._view(ask.view)
        assert isinstance(view, TextGeneration)  # the only one that its task has
        deadline, started = self._loop.time() + ask.within_s, perf_counter()
        with self._in_flight:
            try:
                turn = self.stepper.admit(deadline, ask.priority or view.priority, ask.caller)
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
        async with aclosing(self.stepper.generate(prepared.context.prompt, turn, lambda: answer.is_over)) as stream:
            async for progress in stream:
                piece = answer.push(progress)
                if piece.text or piece.tokens or piece.finish_reason:
                    yield piece, progress.queue_s
                if answer.is_over:
                    return

    def _prediction(self, outputs: list[Any], timing: Timing) -> Prediction:
        return Prediction(self.served.manifest.name, self.served.manifest.version, outputs, timing)
