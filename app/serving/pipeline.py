"""Models in a row, served as one: a version whose steps are versions of other models."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from time import perf_counter
from typing import Any

from pydantic import ValidationError

from app.errors import (
    DeadlineExceeded,
    InvalidArtifact,
    InvalidInput,
    ModelNotFound,
    ModelNotReady,
    PayloadTooLarge,
    ServiceError,
)
from app.repository.golden import difference
from app.repository.pipeline import INPUT, PipelineManifest
from app.serving.contracts import contracts_of
from app.serving.deadlines import answer_by
from app.serving.engine import Ask, Prediction, Respondent, Served, Timing, total
from app.serving.in_flight import InFlight
from app.serving.pool import Pool
from app.serving.steps import Asking, asking_of, items_of, not_taken
from app.tasks.view import to_json
from app.telemetry import ModelObserver, Statistics

GOLDEN_S = 60.0  # for a golden example, with all its steps


class Pipeline:
    """A version that is live: it asks its steps one after another, each for all items of a request.

    Each step has a queue of its own, so that rows of many requests share batches there, as those of other callers do.
    All steps have the one deadline of the request.
    """

    def __init__(
        self,
        manifest: PipelineManifest,
        find: Callable[[str, int], Respondent],
        observer: ModelObserver,
        card: Mapping[str, bytes],
        threads: Pool,
    ) -> None:
        """`find` gives what answers as a version of a model. It raises ModelNotFound and ModelNotReady.

        On `threads` the items of steps are made.

        Raises InvalidArtifact for a step that asks what its task does not answer.
        """
        self._asked = [asking_of(step) for step in manifest.steps]
        contracts = contracts_of(manifest)
        self.served = Served(
            manifest,
            contracts=contracts,
            forms={name: contract.title for name, contract in contracts.items()},
            class_names={},
            card=card,
        )
        self.statistics: Statistics = observer.statistics
        self._find = find
        self._threads = threads
        self._forms: dict[str, str | None] = {}  # by step, of the versions that it was made of
        self._observer = observer
        self._in_flight = InFlight(manifest)

    async def __aenter__(self) -> "Pipeline":
        """Raises InvalidArtifact unless its steps are live and it answers its golden examples as it should."""
        for one in self._asked:
            step = one.step
            try:
                served = self._model(one).served
            except ServiceError as error:
                raise InvalidArtifact(f"step {step.name}: {error}") from error
            if (found := served.manifest.task) != step.task:
                raise InvalidArtifact(f"step {step.name}: {step.model} is a model for {found}, not for {step.task}")
        await self._check_golden()
        self._observer.watch(lambda: 0, lambda: self.is_ready)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._in_flight.accepts = False
        self._observer.unload()

    @property
    def is_ready(self) -> bool:
        return self._in_flight.accepts and all(self._can_answer(one) for one in self._asked)

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

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        yield await self.predict(ask)

    async def predict(self, ask: Ask) -> Prediction:
        """Answer items. Raises what its steps raise, and ModelNotReady that names the step which is not."""
        manifest = self.served.manifest
        if ask.view not in self.served.contracts:
            raise InvalidInput(f"{manifest.name} has no {ask.view!r:.60}; it has: {', '.join(self.served.contracts)}")
        started = perf_counter()
        with self._in_flight:
            try:
                outputs, timings = await self._go_through(ask)
            except Exception:
                self._observer.not_answered(perf_counter() - started)
                raise
        took = total(timings)
        self._observer.items_answered(len(outputs))
        self._observer.answered(
            perf_counter() - started, took.preprocess_s, took.queue_s, took.inference_s, took.postprocess_s
        )
        steps = tuple((one.step.name, timing) for one, timing in zip(self._asked, timings, strict=True))
        return Prediction(manifest.name, manifest.version, outputs, took, steps)

    async def _go_through(self, ask: Ask) -> tuple[list[Any], list[Timing]]:
        clock, given, timings = asyncio.get_running_loop().time, {INPUT: ask.items}, []
        deadline = clock() + ask.within_s
        for one in self._asked:
            async with answer_by(deadline):
                items = await items_of(one, given, self._threads, ask)
            left = deadline - clock()
            if left <= 0:
                raise DeadlineExceeded(f"the deadline passed before step {one.step.name} began")
            prediction = await self._ask(one, ask._replace(items=items, within_s=left))
            given[one.step.name] = prediction.outputs
            timings.append(prediction.timing)
        return prediction.outputs, timings

    async def _ask(self, one: Asking, ask: Ask) -> Prediction:
        step = one.step
        asked = ask._replace(
            model=step.model, version=step.version, view=one.contract.name, parameters=one.parameters, read_for=""
        )
        try:
            return await self._model(one).predict(asked)
        except (ModelNotFound, ModelNotReady) as error:
            raise ModelNotReady(f"step {step.name}: {error}") from None
        except InvalidInput as error:
            # The first step has the caller's items as they are, and of too many in all he can send fewer.
            if not step.inputs or (isinstance(error, PayloadTooLarge) and len(ask.items) > 1):
                raise
            raise not_taken(step, error.details[0] if error.details else {"loc": [], "msg": str(error)}) from None

    def _model(self, one: Asking) -> Respondent:
        """Return the version that answers a step. Raises ModelNotReady if one replaced it that takes other inputs."""
        name, version = one.step.model, one.step.version
        model = self._find(name, version)
        form = model.served.forms.get(one.contract.name)
        if self._forms.setdefault(one.step.name, form) != form:
            raise ModelNotReady(f"version {version} of {name} was replaced by one that takes other inputs")
        return model

    def _can_answer(self, one: Asking) -> bool:
        try:
            return self._model(one).is_ready
        except (ModelNotFound, ModelNotReady):
            return False

    async def _check_golden(self) -> None:
        manifest, contract = self.served.manifest, self.served.contract
        for i, golden in enumerate(manifest.golden):
            try:
                item = contract.Input.model_validate(golden.input)
                ask = Ask(manifest.name, manifest.version, contract.name, [item], None, GOLDEN_S)
                outputs, _ = await self._go_through(ask)
            except (ServiceError, ValidationError) as error:
                raise InvalidArtifact(f"golden example {i} fails: {error}") from error
            expected, found = contract.comparable(golden.output), contract.comparable(to_json(outputs[0]))
            if where := difference(expected, found, golden.tolerance):
                raise InvalidArtifact(f"golden example {i} has another answer on this machine: {where}")
