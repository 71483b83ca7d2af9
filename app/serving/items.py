"""The steps before and after a batch: from items to rows, and from answered rows to outputs."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from app.errors import InvalidInput, Overloaded, PayloadTooLarge
from app.serving.deadlines import answer_by
from app.serving.pool import Pool
from app.serving.scheduler import Answers, Turn, weight_of
from app.tasks.view import Needs, Prepared, View, require_parameters
from app.tensors import Tensors

FEW_ITEMS = 4  # that a request may have to be prepared on the event loop, if they are quick
LEARNING_RATE = 0.1  # of the last item
PIXELS_OF_AN_ITEM = 250_000  # take about as long as all else that is done with a picture
LARGE_BYTES = 16_000_000  # from which on the memory that an item needs is counted


Answered = Callable[[View[Any], Any, Prepared, Sequence[Tensors], Any], None]
"""Is told of a view, an item, what was prepared of it, the answers to its rows, and the output."""


@dataclass(frozen=True, slots=True)
class Pools:
    """Threads for what comes before a batch and for what comes after it: answers must not wait behind new inputs."""

    before: Pool
    after: Pool


class Items:
    """Prepares the items of one model and finishes its answers; callers have equal shares of the threads."""

    def __init__(
        self,
        name: str,
        pools: Pools,
        *,
        max_rows: int,
        max_pixels: int,
        refused: Callable[[str, int], None],
        answered: Answered | None = None,
    ) -> None:
        """A request may have `max_rows` rows and `max_pixels` pixels. `refused` is told of what comes too late, and
        `answered` of each item that is answered, where that is done.
        """
        self._name = name
        self._pools = pools
        self._max_rows = max_rows
        self._max_pixels = max_pixels
        self._refused = refused
        self._answered = answered
        self._effort_s: dict[str, float] = {}  # what the least item takes, by the name of the view

    async def prepare(self, view: View[Any], items: Sequence[Any], parameters: Any, turn: Turn) -> list[Prepared]:
        """The rows of each item.

        Raises InvalidInput and PayloadTooLarge, which name the item, Overloaded and DeadlineExceeded.
        """
        require_parameters(view, parameters)
        num_rows = 0

        def prepare_one(position: int, value: Any) -> Prepared:
            nonlocal num_rows
            try:
                prepared = view.preprocess(value, parameters)
            except InvalidInput as error:
                raise view.located(error, position) from None
            num_rows += len(prepared.rows)
            if num_rows > self._max_rows:  # all before this one have been begun; so no more are than need be
                raise self._too_many(position, num_rows)
            return prepared

        def prepare_and_learn(item: tuple[int, Any, float]) -> Prepared:
            started = perf_counter()
            prepared = prepare_one(*item[:2])
            self._learn(view, (perf_counter() - started) / item[2])
            return prepared

        if len(items) <= FEW_ITEMS and all(map(view.is_quick, items)):
            prepared = [prepare_one(i, item) for i, item in enumerate(items)]
        else:
            async with answer_by(turn.deadline):
                needs = await self._needs(view, items, turn)
                efforts = [1 + one.more + one.pixels / PIXELS_OF_AN_ITEM for one in needs]
                item_s = [self._effort_s.get(view.contract.name, 0.0) * effort for effort in efforts]
                self._admit(item_s, turn)
                prepared = await self._pools.before.map(
                    prepare_and_learn,
                    list(zip(range(len(items)), items, efforts, strict=True)),
                    item_s,
                    [one.num_bytes if one.num_bytes >= LARGE_BYTES else 0 for one in needs],
                    caller=(turn.caller, self._name),
                    weight=weight_of(turn.priority),
                )
        return prepared

    async def finish(
        self,
        view: View[Any],
        items: Sequence[Any],
        prepared: Sequence[Prepared],
        answers: Answers[Tensors],
        parameters: Any,
        turn: Turn,
    ) -> list[Any]:
        """The output of each item. Raises DeadlineExceeded."""
        mine, position = [], 0
        for item, one in zip(items, prepared, strict=True):
            mine.append((item, one, answers.values[position : position + len(one.rows)]))
            position += len(one.rows)

        def finish_one(asked: tuple[Any, Prepared, Sequence[Tensors]]) -> Any:
            item, one, rows = asked
            output = view.postprocess(one, rows, parameters)
            if self._answered:
                self._answered(view, item, one, rows, output)
            return output

        if len(mine) <= FEW_ITEMS and view.answers_quickly(answers.values):
            return [finish_one(item) for item in mine]
        async with answer_by(turn.deadline):
            return await self._pools.after.map(
                finish_one, mine, [0.0] * len(mine), caller=(turn.caller, self._name), weight=weight_of(turn.priority)
            )

    async def tell(
        self, view: View[Any], items: Sequence[Any], parameters: Any, deadline: float, caller: str
    ) -> list[Any]:
        """The output of each item, of a view that makes no rows. Raises InvalidInput and DeadlineExceeded."""
        require_parameters(view, parameters)

        def tell_one(item: tuple[int, Any]) -> Any:
            try:
                return view.postprocess(view.preprocess(item[1], parameters), [], parameters)
            except InvalidInput as error:
                raise view.located(error, item[0]) from None

        async with answer_by(deadline):
            return await self._pools.before.map(
                tell_one, list(enumerate(items)), [0.0] * len(items), caller=(caller, self._name)
            )

    async def _needs(self, view: View[Any], items: Sequence[Any], turn: Turn) -> Sequence[Needs]:
        """Return what each item needs. Raises PayloadTooLarge where that is too much for one request."""
        if not view.has_needs:
            return [Needs()] * len(items)

        def needs_of(item: tuple[int, Any]) -> Needs:
            try:
                return view.needs(item[1])
            except InvalidInput as error:
                raise error.under("inputs", item[0]) from None

        found = await self._pools.before.map(
            needs_of,
            list(enumerate(items)),
            [0.0] * len(items),
            caller=(turn.caller, self._name),
            weight=weight_of(turn.priority),
        )
        pixels = 0
        for i, one in enumerate(found):
            pixels += one.pixels
            if pixels > self._max_pixels:
                raise PayloadTooLarge(
                    f"up to here the images have {pixels:,} pixels, and those of a request may have "
                    f"{self._max_pixels:,}; send them in several requests"
                ).under("inputs", i)
        return found

    def _admit(self, item_s: Sequence[float], turn: Turn) -> None:
        patience, seconds = turn.deadline - asyncio.get_running_loop().time(), sum(item_s)
        wait = self._pools.before.wait_s((turn.caller, self._name), seconds, weight_of(turn.priority))
        if wait and wait + seconds > patience:
            self._refused("preprocess", len(item_s))
            raise Overloaded(f"reading the inputs would begin in about {wait:.2f} s, which is too late", wait)

    def _learn(self, view: View[Any], seconds: float) -> None:
        before = self._effort_s.get(view.contract.name, 0.0)
        self._effort_s[view.contract.name] = before + LEARNING_RATE * (seconds - before)

    def _too_many(self, position: int, num_rows: int) -> PayloadTooLarge:
        return PayloadTooLarge(
            f"inputs.{position}: up to here the inputs make {num_rows} rows, and a request may make "
            f"{self._max_rows}; send them in several requests"
        )
