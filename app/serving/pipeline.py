"""Models in a row, served as one: a version whose steps are versions of other models."""

import asyncio
from collections.abc import Mapping

from app.errors import InvalidInput, PayloadTooLarge
from app.repository.of_steps import PinnedStep
from app.repository.pipeline import INPUT, PipelineManifest
from app.serving.contracts import contracts_of
from app.serving.deadlines import answer_by
from app.serving.engine import Ask, Prediction, Served
from app.serving.of_steps import AnswerOfSteps, Find, VersionOfSteps
from app.serving.pool import Pool
from app.serving.steps import Asking, asking_of, items_of, not_taken
from app.telemetry import ModelObserver


class Pipeline(VersionOfSteps):
    """It asks each of its steps for all items of a request, and gives what the last one gave."""

    def __init__(
        self,
        manifest: PipelineManifest,
        find: Find,
        observer: ModelObserver,
        card: Mapping[str, bytes],
        threads: Pool,
    ) -> None:
        """On `threads` the items of steps are made.

        Raises InvalidArtifact for a step that asks what its task does not answer.
        """
        self._asked = {step.name: asking_of(step) for step in manifest.steps}
        contracts = contracts_of(manifest)
        forms = {name: contract.title for name, contract in contracts.items()}
        super().__init__(Served(manifest, contracts, forms, {}, card), find, observer)
        self._threads = threads
        self._forms: dict[str, str | None] = {}  # by step, of the versions that it was made of

    def _fault(self, step: PinnedStep, served: Served) -> str:
        one = self._asked[step.name]
        if (found := served.manifest.task) != one.step.task:
            return f"is a model for {found}, not for {one.step.task}"
        form = served.forms.get(one.contract.name)
        return "" if self._forms.setdefault(step.name, form) == form else "takes other inputs"

    async def _answer(self, ask: Ask) -> AnswerOfSteps:
        deadline = asyncio.get_running_loop().time() + ask.within_s
        given, steps = {INPUT: ask.items}, []
        for name, one in self._asked.items():
            async with answer_by(deadline):
                items = await items_of(one, given, self._threads, ask)
            prediction = await self._ask_for(one, ask._replace(items=items), deadline)
            given[name] = prediction.outputs
            steps.append((name, prediction.timing))
        return AnswerOfSteps(prediction.outputs, tuple(steps))

    async def _ask_for(self, one: Asking, ask: Ask, deadline: float) -> Prediction:
        step = one.step
        try:
            return await self._ask(step, ask._replace(view=one.contract.name, parameters=one.parameters), deadline)
        except InvalidInput as error:
            # The first step has the caller's items as they are, and of too many in all he can send fewer.
            if not step.inputs or (isinstance(error, PayloadTooLarge) and len(ask.items) > 1):
                raise
            raise not_taken(step, error.details[0] if error.details else {"loc": [], "msg": str(error)}) from None
