"""Models for the same task, served as one: the next is asked what the one before is unsure of."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.errors import Detail, InvalidArtifact, InvalidInput
from app.repository.cascade import CascadeManifest, CascadeStep
from app.repository.of_steps import PinnedStep
from app.serving.contracts import contracts_of
from app.serving.engine import Ask, Served
from app.serving.of_steps import AnswerOfSteps, Find, VersionOfSteps
from app.tasks.labels import has_probabilities
from app.telemetry import ModelObserver


class Cascade(VersionOfSteps):
    """It asks its first step for all items of a request, and each further one for those of which none was sure.

    Views other than its own, and raw tensors, are those of the last step.
    """

    def __init__(
        self, manifest: CascadeManifest, find: Find, observer: ModelObserver, card: Mapping[str, bytes]
    ) -> None:
        """Raises InvalidArtifact for a task whose answers do not tell how sure the model is."""
        try:
            contracts = contracts_of(manifest)
        except KeyError as error:
            raise InvalidArtifact(f"there is no task {error}") from None
        confidence = contracts[manifest.task].confidence
        if confidence is None:
            raise InvalidArtifact(f"an answer of {manifest.task} does not tell how sure a model is of it")
        forms = {name: contract.title for name, contract in contracts.items()}
        super().__init__(Served(manifest, contracts, forms, {}, card), find, observer)
        self._confidence = confidence
        self._asked: Sequence[CascadeStep] = manifest.steps

    def _meet(self, steps: list[Served]) -> None:
        last = steps[-1]
        self.served = replace(self.served, contracts=last.contracts, forms=last.forms, class_names=last.class_names)

    def _fault(self, step: PinnedStep, served: Served) -> str:
        manifest, ours = served.manifest, self.served
        if manifest.task != ours.manifest.task:
            return f"is a model for {manifest.task}, not for {ours.manifest.task}"
        if [*served.class_names.values()] != [*ours.class_names.values()]:
            return f"has not the classes of {self._asked[-1].model} in the same order"
        if not has_probabilities(manifest.config):  # a threshold would mean nothing, and answers would not be alike
            return "gives scores that are no probabilities of its classes"
        return "takes other inputs" if step is self._asked[-1] and served.forms != ours.forms else ""

    async def _answer(self, ask: Ask) -> AnswerOfSteps:
        deadline, last = asyncio.get_running_loop().time() + ask.within_s, self._asked[-1]
        if ask.view != self.served.manifest.task:
            prediction = await self._ask(last, ask, deadline)
            outputs = prediction.outputs
            return AnswerOfSteps(outputs, ((last.name, prediction.timing),), (last.name,) * len(outputs))
        left, steps = list(range(len(ask.items))), []
        outputs, answered_by = [None] * len(left), [last.name] * len(left)
        for step in self._asked:
            try:
                prediction = await self._ask(step, ask._replace(items=[ask.items[i] for i in left]), deadline)
            except InvalidInput as error:
                if len(left) == len(ask.items):
                    raise
                raise _located(error, left) from None
            steps.append((step.name, prediction.timing))
            unsure = []
            for i, output in zip(left, prediction.outputs, strict=True):
                if self._is_enough(step, output, ask.parameters):
                    outputs[i], answered_by[i] = output, step.name
                else:
                    unsure.append(i)
            if not (left := unsure):
                break
        return AnswerOfSteps(outputs, tuple(steps), tuple(answered_by))

    def _is_enough(self, step: CascadeStep, output: Any, parameters: Any) -> bool:
        if step.enough is None:
            return True
        confidence = self._confidence(output, parameters)
        return confidence is not None and confidence >= step.enough


def _located(error: InvalidInput, positions: Sequence[int]) -> InvalidInput:
    """The same fault of an item, which is at one of these positions in the request of the caller."""
    return type(error).of([_moved(one, positions) for one in error.details]) if error.details else error


def _moved(fault: Detail, positions: Sequence[int]) -> Detail:
    match fault["loc"]:
        case ["inputs", int(at), *inside]:
            return {"loc": ["inputs", positions[at], *inside], "msg": fault["msg"]}
    return fault
