"""Predictions as spans of the trace of their request: one for the model, and one for each stage within it.

They are made when the answer is there, of the seconds that its `Timing` tells: nothing is recorded while it is made.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from time import perf_counter
from typing import Any, NamedTuple, Protocol

from app.serving.engine import Ask, Engine, Prediction, Timing
from app.tasks.embeddings import CountedEmbedding, FeatureExtraction, TextEmbedding
from app.tasks.generation_schema import Generation, GenerationInput, GenerationPiece
from app.tasks.text_generation import TextGeneration
from app.telemetry import Span, Trace, TraceContext, context_of

ABANDONED = "abandoned"  # nobody waits for the answer any more, which is no failure of the request
EMBEDDINGS = "embeddings"  # the operation
EMBEDDING_VIEWS = {FeatureExtraction.contract.name, TextEmbedding.contract.name}
MOST_BATCHES = 128  # of a request, to which its span leads; collectors keep no more


class Answerer(Protocol):
    """The part of an engine that answers."""

    async def predict(self, ask: Ask) -> Prediction: ...

    def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]: ...


def traced(engine: Engine, trace: Trace | None) -> Answerer:
    """Return what answers as the engine does, and tells the trace of it if that is recorded."""
    return engine if trace is None or not trace.is_recorded else TracedEngine(engine, trace)


class TracedEngine:
    """An engine whose answer to one request is told to its trace."""

    def __init__(self, engine: Engine, trace: Trace) -> None:
        self._engine, self._trace = engine, trace

    async def predict(self, ask: Ask) -> Prediction:
        telling = ToldQuestion(self._trace, ask)
        try:
            prediction = await self._engine.predict(telling.ask)
            telling.add(prediction)
        except BaseException as error:
            telling.failed(error)
            raise
        finally:
            telling.end()
        return prediction

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        telling = ToldQuestion(self._trace, ask)
        try:
            async with aclosing(self._engine.stream(telling.ask)) as pieces:
                async for piece in pieces:
                    telling.add(piece)
                    yield piece
        except BaseException as error:
            telling.failed(error)
            raise
        finally:
            telling.end()


class Used(NamedTuple):
    """The tokens of one answer, and why it ended."""

    read: int
    written: int
    finish_reason: str


class ToldQuestion:
    """One question to a model, from when it is put until it is answered. `ask` is the question, with its span."""

    def __init__(self, trace: Trace, ask: Ask) -> None:
        self._trace, self._context = trace, trace.context.child()
        self.ask = ask._replace(traceparent=self._context.traceparent)
        self._started, self._first = perf_counter(), 0.0
        self._last: Prediction | None = None
        self._used: dict[int, Used] = {}
        self._error = ""

    def add(self, prediction: Prediction) -> None:
        """The answer has come, or a piece of it."""
        self._first = self._first or perf_counter()
        self._last = prediction
        for position, output in enumerate(prediction.outputs):
            if isinstance(output, GenerationPiece):
                self._used[output.item] = Used(
                    output.prompt_tokens, output.generated_tokens, output.finish_reason or ""
                )
            elif isinstance(output, Generation):
                self._used[position] = Used(output.prompt_tokens, output.generated_tokens, output.finish_reason)
            elif isinstance(output, CountedEmbedding):
                self._used[position] = Used(output.tokens, 0, "")

    def failed(self, error: BaseException) -> None:
        """It fails, or whoever asked has left; of a stream that has begun, the trace learns it here alone."""
        is_left = isinstance(error, asyncio.CancelledError | GeneratorExit)
        self._error = ABANDONED if is_left else type(error).__name__
        if self._first and not is_left:
            self._trace.error = self._error

    def end(self) -> None:
        """Add the spans to the trace."""
        ended, operation = perf_counter(), operation_of(self.ask)
        attributes = {**self._attributes(), **(self._generative(operation) if operation else {})}
        name, parent = f"{operation or 'predict'} {self.ask.model}", self._trace.context.span_id
        self._trace.spans.append(Span(name, self._context, parent, self._started, ended, attributes, error=self._error))
        if self._last is None:
            return
        if not self._last.steps:
            self._trace.spans += stages(self._last.timing, self._context, self._started, ended)
        at = self._started
        for step, timing in self._last.steps:
            own, begun, at = self._context.child(), at, min(ended, at + timing.whole_s)
            self._trace.spans.append(Span(f"step {step}", own, self._context.span_id, begun, at))
            self._trace.spans += stages(timing, own, begun, at)

    def _attributes(self) -> dict[str, str | int]:
        version = self._last.version if self._last else self.ask.version
        known: dict[str, str | int] = {"tessera.model.version": str(version)} if version is not None else {}
        return {
            "tessera.model": self.ask.model,
            "tessera.view": self.ask.view,
            "tessera.items": len(self.ask.items),
            **known,
        }

    def _generative(self, operation: str) -> Mapping[str, str | int | float | Sequence[str]]:
        """Attributes of OpenTelemetry's conventions for generative AI, which may yet change."""
        told: dict[str, str | int | float | Sequence[str]] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": "tessera",
            "gen_ai.request.model": self.ask.model,
        }
        if self._last is not None:
            told["gen_ai.response.model"] = f"{self._last.model}@{self._last.version}"
        if self._used:
            used = [self._used[position] for position in sorted(self._used)]
            told["gen_ai.usage.input_tokens"] = sum(one.read for one in used)
            if operation != EMBEDDINGS:
                told["gen_ai.usage.output_tokens"] = sum(one.written for one in used)
                told["gen_ai.response.finish_reasons"] = [one.finish_reason for one in used if one.finish_reason]
                told["tessera.first_piece_s"] = self._first - self._started
        return told


def operation_of(ask: Ask) -> str:
    """Return the name that the conventions have for what is asked; empty where they have none."""
    if ask.view in EMBEDDING_VIEWS:
        return EMBEDDINGS
    if ask.view != TextGeneration.contract.name:
        return ""
    is_chat = any(isinstance(item, GenerationInput) and item.messages is not None for item in ask.items)
    return "chat" if is_chat else "text_completion"


def stages(timing: Timing, parent: TraceContext, started: float, ended: float) -> list[Span]:
    """Return a span for each stage that took any time, one after another from `started`, none of them past `ended`."""
    links = [one for one in map(context_of, map(str.encode, timing.batches[:MOST_BATCHES])) if one is not None]
    spans, at = [], started
    for name, seconds in (
        ("preprocess", timing.preprocess_s),
        ("queue", timing.queue_s),
        ("inference", timing.inference_s),
        ("postprocess", timing.postprocess_s),
    ):
        begun, at = at, min(ended, at + seconds)
        is_inference = name == "inference"
        sizes: dict[str, Any] = {"tessera.batch.rows": timing.rows, "tessera.batch.length": timing.length}
        if seconds:
            attributes = sizes if is_inference else {}
            spans.append(
                Span(name, parent.child(), parent.span_id, begun, at, attributes, links if is_inference else ())
            )
    return spans
