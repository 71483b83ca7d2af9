"""Versions that have no graphs of their own: what pipelines and cascades have in common."""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple, Self

from pydantic import ValidationError

from app.errors import DeadlineExceeded, InvalidArtifact, InvalidInput, ModelNotFound, ModelNotReady, ServiceError
from app.repository.golden import difference
from app.repository.of_steps import ManifestOfSteps, PinnedStep
from app.serving.engine import Ask, Prediction, Respondent, Served, Steps, total
from app.serving.in_flight import InFlight
from app.tasks.view import to_json
from app.telemetry import ModelObserver, Statistics

GOLDEN_S = 60.0  # for a golden example, with all its steps

Find = Callable[[str, int], Respondent]
"""Gives what answers as a version of a model. It raises ModelNotFound and ModelNotReady."""


class AnswerOfSteps(NamedTuple):
    """Outputs of one request, what each step that was asked took, and, of a cascade, which one gave each output."""

    outputs: list[Any]
    steps: Steps
    answered_by: tuple[str, ...] = ()


class VersionOfSteps(ABC):
    """A version that is live: it asks its steps one after another.

    Each step has a queue of its own, so that rows of many requests share batches there, as those of other callers do.
    All steps have the one deadline of the request.
    """

    def __init__(self, served: Served, find: Find, observer: ModelObserver) -> None:
        assert isinstance(served.manifest, ManifestOfSteps)
        self.served = served
        self.key = ""
        """By which a fleet knows it."""
        self.drained: Callable[[], Awaitable[None]] = partial(asyncio.sleep, 0)
        """Return when nobody elsewhere answers as it any more."""
        self.statistics: Statistics = observer.statistics
        self._steps = served.manifest.steps
        self._find = find
        self._observer = observer
        self._in_flight = InFlight(served.manifest)

    async def __aenter__(self) -> Self:
        """Raises InvalidArtifact unless its steps are live and it answers its golden examples as it should."""
        found = [self._served(step) for step in self._steps]
        self._meet(found)
        for step, served in zip(self._steps, found, strict=True):
            if fault := self._fault(step, served):
                raise InvalidArtifact(f"step {step.name}: {step.model} {fault}")
        await self._check_golden()
        self._observer.watch(lambda: 0, lambda: self.is_ready)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._in_flight.accepts = False
        self._observer.unload()

    @property
    def is_ready(self) -> bool:
        return self._in_flight.accepts and all(map(self._can_answer, self._steps))

    @property
    def is_lost(self) -> bool:
        """Never: it is ready again as soon as its steps are."""
        return False

    @property
    def placements(self) -> dict[str, dict[str, str]]:
        return {}

    @property
    def tuning(self) -> None:
        return None

    async def drain(self) -> None:
        await self._in_flight.drain()
        await self.drained()

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        yield await self.predict(ask)

    async def predict(self, ask: Ask) -> Prediction:
        """Answer items. Raises what its steps raise, and ModelNotReady that names the step which is not."""
        manifest = self.served.manifest
        if ask.view not in self.served.forms:
            raise InvalidInput(f"{manifest.name} has no {ask.view!r:.60}; it has: {', '.join(self.served.forms)}")
        started = perf_counter()
        with self._in_flight:
            try:
                outputs, steps, answered_by = await self._answer(ask)
            except Exception:
                self._observer.not_answered(perf_counter() - started)
                raise
        took = total([timing for _, timing in steps])
        self._observer.items_answered(len(outputs))
        if ask.view == manifest.task:
            for step, number in Counter(answered_by).items():
                self._observer.answered_by(step, number)
        self._observer.answered(
            perf_counter() - started, took.preprocess_s, took.queue_s, took.inference_s, took.postprocess_s
        )
        return Prediction(manifest.name, manifest.version, outputs, took, steps, answered_by=answered_by)

    def _meet(self, steps: list[Served]) -> None:
        """Take note of what its steps tell of themselves, before it goes live."""
        return None

    @abstractmethod
    def _fault(self, step: PinnedStep, served: Served) -> str:
        """Why what answers as a step cannot be asked as that, in words that go on with "a model that"; or ""."""

    @abstractmethod
    async def _answer(self, ask: Ask) -> AnswerOfSteps:
        """Ask the steps. Raises what they raise."""

    async def _ask(self, step: PinnedStep, ask: Ask, deadline: float) -> Prediction:
        """Ask the version of a step. Raises ModelNotReady if it is not there, or is another one than it was."""
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise DeadlineExceeded(f"the deadline passed before step {step.name} began")
        asked = ask._replace(model=step.model, version=step.version, within_s=left, read_for="")
        try:
            return await self._model(step).predict(asked)
        except (ModelNotFound, ModelNotReady) as error:
            raise ModelNotReady(f"step {step.name}: {error}") from None

    def _model(self, step: PinnedStep) -> Respondent:
        model = self._find(step.model, step.version)
        if fault := self._fault(step, model.served):
            raise ModelNotReady(f"version {step.version} of {step.model} was replaced by one that {fault}")
        return model

    def _can_answer(self, step: PinnedStep) -> bool:
        try:
            return self._model(step).is_ready
        except (ModelNotFound, ModelNotReady):
            return False

    def _served(self, step: PinnedStep) -> Served:
        """Raises InvalidArtifact."""
        try:
            served = self._find(step.model, step.version).served
        except ServiceError as error:
            raise InvalidArtifact(f"step {step.name}: {error}") from error
        if isinstance(served.manifest, ManifestOfSteps):
            raise InvalidArtifact(
                f"step {step.name}: {step.model} is a {served.manifest.runtime}, and a step has graphs of its own"
            )
        return served

    async def _check_golden(self) -> None:
        manifest, contract = self.served.manifest, self.served.contract
        for i, golden in enumerate(manifest.golden):
            try:
                item = contract.Input.model_validate(golden.input)
                parameters = contract.Parameters.model_validate(golden.parameters)
                ask = Ask(manifest.name, manifest.version, contract.name, [item], parameters, GOLDEN_S)
                outputs = (await self._answer(ask)).outputs
            except (ServiceError, ValidationError) as error:
                raise InvalidArtifact(f"golden example {i} fails: {error}") from error
            expected, found = contract.comparable(golden.output), contract.comparable(to_json(outputs[0]))
            if where := difference(expected, found, golden.tolerance):
                raise InvalidArtifact(f"golden example {i} has another answer on this machine: {where}")
