"""Models in a row, served as one: a version whose steps are versions of other models."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from time import perf_counter
from typing import Any, Protocol

from pydantic import BaseModel, RootModel, ValidationError

from app.errors import (
    DeadlineExceeded,
    InferenceFailed,
    InvalidArtifact,
    InvalidInput,
    ModelNotFound,
    ModelNotReady,
    ServiceError,
)
from app.repository.golden import difference
from app.repository.pipeline import INPUT, PipelineManifest, Step
from app.serving.contracts import contract_of, contracts_of
from app.serving.engine import Ask, Prediction, Served, Timing
from app.serving.in_flight import InFlight
from app.tasks.view import to_json
from app.telemetry import ModelObserver, Statistics

FEW_ITEMS = 4  # whose fields are put together on the event loop
GOLDEN_S = 60.0  # for a golden example, with all its steps


class Models(Protocol):
    """What a pipeline needs of the engine that it is in."""

    def find(self, name: str, version: int | None = None) -> Served: ...

    async def predict(self, ask: Ask) -> Prediction: ...


class Pipeline:
    """A version that is live: it asks its steps one after another, each for all items of a request.

    Each step has a queue of its own, so rows of many requests share batches there, as those of other callers do. All
    have the one deadline of the request.
    """

    def __init__(
        self, manifest: PipelineManifest, models: Models, observer: ModelObserver, card: Mapping[str, bytes]
    ) -> None:
        contracts = contracts_of(manifest)
        self.served = Served(
            manifest,
            contracts=contracts,
            forms={name: contract.title for name, contract in contracts.items()},
            class_names={},
            card=card,
        )
        self.statistics: Statistics = observer.statistics
        self._steps = manifest.steps
        self._models = models
        self._observer = observer
        self._in_flight = InFlight(manifest)

    async def __aenter__(self) -> "Pipeline":
        """Raises InvalidArtifact unless its steps can be asked and it answers its golden examples."""
        await self._require_golden()
        self._observer.watch(lambda: 0, lambda: self.is_ready)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._in_flight.accepts = False
        self._observer.unload()

    @property
    def is_ready(self) -> bool:
        return self._in_flight.accepts and all(map(self._is_live, self._steps))

    @property
    def is_lost(self) -> bool:
        """Never: it is ready again as soon as its steps are."""
        return False

    async def drain(self) -> None:
        await self._in_flight.drain()

    async def stream(self, ask: Ask) -> AsyncIterator[Prediction]:
        yield await self.predict(ask)

    async def predict(self, ask: Ask) -> Prediction:
        """Answer items. Besides what a model raises, ModelNotReady that names the step which is not."""
        manifest = self.served.manifest
        if ask.view not in self.served.contracts:
            raise InvalidInput(f"{manifest.name} has no {ask.view!r:.60}; it has: {', '.join(self.served.contracts)}")
        with self._in_flight:
            started = perf_counter()
            try:
                outputs, timings = await self._go_through(ask)
            except Exception:
                self._observer.not_answered(perf_counter() - started)
                raise
        whole = _sum(timings)
        self._observer.answered(
            perf_counter() - started, whole.preprocess_s, whole.queue_s, whole.inference_s, whole.postprocess_s
        )
        steps = tuple((step.name, timing) for step, timing in zip(self._steps, timings, strict=True))
        return Prediction(manifest.name, manifest.version, outputs, whole, steps)

    async def _go_through(self, ask: Ask) -> tuple[list[Any], list[Timing]]:
        clock, given = asyncio.get_running_loop().time, {INPUT: ask.items}
        deadline, timings = clock() + ask.within_s, []
        for step in self._steps:
            items = await self._items(step, given, len(ask.items))
            left = deadline - clock()
            if left <= 0:
                raise DeadlineExceeded(f"the deadline passed before step {step.name} began")
            prediction = await self._ask(step, items, left, ask)
            given[step.name] = prediction.outputs
            timings.append(prediction.timing)
        return list(given[self._steps[-1].name]), timings

    async def _ask(self, step: Step, items: Sequence[Any], within_s: float, ask: Ask) -> Prediction:
        contract = contract_of(step)
        parameters = contract.Parameters.model_validate(step.parameters)
        try:
            return await self._models.predict(
                Ask(
                    step.model, step.version, contract.name, items, parameters, within_s,
                    ask.priority, ask.caller, ask.request_id,
                )
            )  # fmt: skip
        except (ModelNotFound, ModelNotReady) as error:
            raise ModelNotReady(f"step {step.name}: {error}") from None
        except InvalidInput as error:
            if step is self._steps[0]:
                raise
            raise _not_taken(step, str(error)) from None

    async def _items(self, step: Step, given: Mapping[str, Sequence[Any]], number: int) -> Sequence[Any]:
        if not step.inputs:
            return given[INPUT]
        if number <= FEW_ITEMS:
            return [_item(step, given, i) for i in range(number)]
        return await asyncio.to_thread(lambda: [_item(step, given, i) for i in range(number)])

    def _is_live(self, step: Step) -> bool:
        try:
            self._models.find(step.model, step.version)
        except (ModelNotFound, ModelNotReady):
            return False
        return True

    async def _require_golden(self) -> None:
        manifest, contract = self.served.manifest, self.served.contract
        for step in self._steps:
            try:
                contract_of(step).Parameters.model_validate(step.parameters)
                found = self._models.find(step.model, step.version).manifest.task
            except ValidationError as error:
                raise InvalidArtifact(f"step {step.name}: parameters: {error.errors()[0]['msg']}") from None
            except (ModelNotFound, ModelNotReady) as error:
                raise InvalidArtifact(f"step {step.name}: {error}") from None
            if found != step.task:
                raise InvalidArtifact(f"step {step.name}: {step.model} is a {found} model, not one for {step.task}")
        for i, golden in enumerate(manifest.golden):
            try:
                item, parameters = contract.Input.model_validate(golden.input), contract.Parameters()
                ask = Ask(manifest.name, manifest.version, contract.name, [item], parameters, GOLDEN_S)
                outputs, _ = await self._go_through(ask)
            except (ServiceError, ValidationError) as error:
                raise InvalidArtifact(f"golden example {i} fails: {error}") from error
            if where := difference(golden.output, to_json(outputs[0]), golden.tolerance):
                raise InvalidArtifact(f"golden example {i} has another answer on this machine: {where}")


def _item(step: Step, given: Mapping[str, Sequence[Any]], position: int) -> Any:
    """The item of a step, of what the steps before it gave for the item at `position` of the request."""
    try:
        fields = {field: _found(reference, given, position) for field, reference in step.inputs.items()}
        return contract_of(step).Input.model_validate(fields)
    except ValidationError as error:
        raise _not_taken(step, f"{'.'.join(map(str, error.errors()[0]['loc']))}: {error.errors()[0]['msg']}") from None


def _found(reference: str, given: Mapping[str, Sequence[Any]], position: int) -> Any:
    name, *path = reference.split(".")
    value = given[name][position]
    for at in path:
        value = value.root if isinstance(value, RootModel) else value
        try:
            value = (
                getattr(value, at) if isinstance(value, BaseModel)
                else value[at] if isinstance(value, Mapping)
                else value[int(at)]
            )  # fmt: skip
        except (AttributeError, LookupError, TypeError, ValueError):
            raise InferenceFailed(f"step {name} gave no {'.'.join(path)}") from None
    return value.root if isinstance(value, RootModel) else value


def _not_taken(step: Step, why: str) -> InferenceFailed:
    return InferenceFailed(f"step {step.name} does not take what came before it: {why}")


def _sum(timings: Sequence[Timing]) -> Timing:
    """What all steps took; rows and length are of the largest batch of all."""
    largest = max(timings, key=lambda timing: timing.rows * timing.length)
    return Timing(
        preprocess_s=sum(one.preprocess_s for one in timings),
        queue_s=sum(one.queue_s for one in timings),
        inference_s=sum(one.inference_s for one in timings),
        postprocess_s=sum(one.postprocess_s for one in timings),
        rows=largest.rows,
        length=largest.length,
    )
