"""Answers that are composed of answers of others: whom they may ask, on which terms, and what that took."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from app.errors import DeadlineExceeded, InvalidInput, ModelNotFound, ModelNotReady
from app.serving.engine import Ask, Predicts, Timing, total
from app.tasks.view import View

Answer = Callable[[View[Any], Ask, float], Awaitable[tuple[list[Any], Timing]]]
"""Answers a view of the model that composes, by a deadline of the event loop's clock."""


class Composing:
    """One request whose answers are composed: what they ask has its deadline, its caller, its priority and its id."""

    def __init__(self, ask: Ask, deadline: float, answer: Answer, find: Callable[[str], Predicts]) -> None:
        """`find` gives the version that answers as a model. It raises ModelNotFound and ModelNotReady."""
        self._ask, self._deadline, self._answer, self._find = ask, deadline, answer, find
        self._timings: dict[str, list[Timing]] = {}

    async def outputs(self, view: View[Any]) -> list[Any]:
        """An output for each item; all are composed at a time, and none goes on when one fails or the caller goes."""
        tasks = [asyncio.create_task(self._compose(view, i, item)) for i, item in enumerate(self._ask.items)]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def steps(self) -> tuple[tuple[str, Timing], ...]:
        """Each model that was asked, itself among them, and what all its answers took together."""
        return tuple((name, total(timings)) for name, timings in self._timings.items())

    async def itself(self, view: View[Any], items: Sequence[Any], parameters: Any) -> list[Any]:
        try:
            outputs, timing = await self._answer(view, self._on_terms(items, parameters), self._deadline)
        except InvalidInput as error:
            raise _of_item(error) from None
        self._timings.setdefault(self._ask.model, []).append(timing)
        return outputs

    async def model(self, name: str, view: str, items: Sequence[Any], parameters: Any) -> list[Any]:
        asked = self._on_terms(items, parameters)._replace(model=name, version=None, view=view, read_for="")
        try:
            prediction = await self._find(name).predict(asked)
        except (ModelNotFound, ModelNotReady) as error:
            raise ModelNotReady(f"{self._ask.model} asks {name}, which cannot answer: {error}") from None
        except InvalidInput as error:
            raise _of_item(error) from None
        self._timings.setdefault(name, []).append(prediction.timing)
        return prediction.outputs

    def _on_terms(self, items: Sequence[Any], parameters: Any) -> Ask:
        left = self._deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise DeadlineExceeded(f"the deadline passed while {self._ask.model} asked others")
        return self._ask._replace(items=items, parameters=parameters, within_s=left)

    async def _compose(self, view: View[Any], position: int, item: Any) -> Any:
        try:
            return await view.compose(item, self._ask.parameters, self)
        except InvalidInput as error:
            raise view.located(error, position) from None


def _of_item(error: InvalidInput) -> InvalidInput:
    """The fault of one of the items that were asked, as seen from that item."""
    if not error.details:
        return error
    located = [{**one, "loc": one["loc"][2:] if one["loc"][:1] == ["inputs"] else one["loc"]} for one in error.details]
    return type(error).of(located)  # type: ignore[arg-type]
