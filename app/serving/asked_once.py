"""Items that are asked twice, and computed once: what is on its way is waited for, and what is kept is given again."""

import asyncio
import pickle
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from time import perf_counter
from typing import Any, NamedTuple

from app.errors import InvalidInput
from app.serving.admission import handicap_of
from app.serving.answer_store import AnswerKey, AnswerStore, Reuse
from app.serving.deadlines import answer_by
from app.serving.engine import Ask, Steps, Timing, total
from app.serving.items import FEW_ITEMS
from app.serving.pool import Pool
from app.serving.sameness import digest_of
from app.serving.scheduler import Scheduler, weight_of
from app.tasks.view import View
from app.telemetry import ModelObserver

Outcome = tuple[list[Any], Timing, Steps]
Compute = Callable[[View[Any], Ask, float], Awaitable[Outcome]]
AT_ONCE = Timing(0, 0, 0, 0, 0, 0)
_owners = count()


@dataclass(frozen=True, slots=True)
class AnswerCache:
    """Where the answers of all versions are kept; `across_callers`: whether one caller gets those made for another."""

    store: AnswerStore
    across_callers: bool = True


class _OnItsWay(NamedTuple):
    """An item that is being computed, and for whom. Its answer is None if that fails, or is given up."""

    answer: "asyncio.Future[bytes | None]"
    ask: Ask
    priority: int


class AskedOnce:
    """The items of one version, for as long as it is live. `compute` answers those of which nothing is known.

    Answers are kept as bytes, so that whoever gets one may do with it what he likes.
    """

    def __init__(
        self, cache: AnswerCache, compute: Compute, scheduler: Scheduler, threads: Pool, observer: ModelObserver
    ) -> None:
        """On `threads` is done what would keep the event loop for long."""
        self._store, self._across_callers = cache.store, cache.across_callers
        self._compute, self._scheduler, self._threads, self._observer = compute, scheduler, threads, observer
        self._owner = next(_owners)
        self._on_their_way: dict[AnswerKey, _OnItsWay] = {}

    async def outputs(self, view: View[Any], ask: Ask, deadline: float) -> tuple[Outcome, Reuse]:
        """The output of each item. Raises what `compute` raises."""
        keys = await self._keys(view, ask, deadline)
        known = [self._look(key, view, ask) for key in keys]
        new = [i for i, one in enumerate(known) if one is None]
        made, timing, steps = dict[int, Any](), AT_ONCE, Steps()
        if new:
            outputs, timing, steps = await self._made(view, ask, deadline, keys, new)
            made = dict(zip(new, outputs, strict=True))
        packed, waited_s = await self._packed(known, deadline)
        missing = [i for i, one in enumerate(packed) if one is None and i not in made]
        if missing:  # whoever was computing them failed, or left: which says nothing of the items
            outputs, again, steps = await self._computed(view, ask, deadline, missing)
            made |= zip(missing, outputs, strict=True)
            timing = total([timing, again])
        given = await self._on_threads_if_large(view, pickle.loads, [one for one in packed if one is not None], ask)
        rest = iter(given)
        outputs = [made[i] if i in made else next(rest) for i in range(len(keys))]
        hits = sum(isinstance(one, bytes) for one in known)
        reuse = Reuse(hits, len(keys) - len(made) - hits, len(keys))
        for outcome, number in (("kept", hits), ("shared", reuse.shared), ("computed", len(made))):
            if number:
                self._observer.reused(outcome, number)
        return (outputs, timing._replace(queue_s=timing.queue_s + waited_s), steps), reuse

    def close(self) -> None:
        """Keep nothing of this version any more."""
        self._store.forget(self._owner)

    async def _keys(self, view: View[Any], ask: Ask, deadline: float) -> list[AnswerKey | None]:
        scope = "" if self._across_callers else ask.caller

        def key_of(item: Any) -> AnswerKey | None:
            digest = digest_of(view, item, ask.parameters, scope)
            return None if digest is None else AnswerKey(self._owner, digest)

        if len(ask.items) <= FEW_ITEMS and all(map(view.is_quick, ask.items)):
            return [key_of(item) for item in ask.items]
        async with answer_by(deadline):
            return await self._on_threads(key_of, ask.items, ask)

    def _look(self, key: AnswerKey | None, view: View[Any], ask: Ask) -> "bytes | asyncio.Future[bytes | None] | None":
        """Return the answer, or that of whoever computes it; without either this request does, and others are told."""
        if key is None:
            return None
        if (kept := self._store.get(key)) is not None:
            return kept
        priority = ask.priority or view.priority
        coming = self._on_their_way.get(key)
        if coming is None:
            future = asyncio.get_running_loop().create_future()
            self._on_their_way[key] = _OnItsWay(future, ask, priority)
            return None
        return None if self._goes_ahead(ask.caller, priority, coming) else coming.answer

    def _goes_ahead(self, caller: str, priority: int, coming: _OnItsWay) -> bool:
        """Whether it would be this one's turn before that of whoever is on the way: who goes first waits for nobody."""
        if handicap_of(priority) < handicap_of(coming.priority):
            return True
        mine, other = (
            self._scheduler.share_of(*one) for one in ((caller, priority), (coming.ask.caller, coming.priority))
        )
        return mine.is_light_beside(other)

    async def _made(
        self, view: View[Any], ask: Ask, deadline: float, keys: Sequence[AnswerKey | None], new: Sequence[int]
    ) -> Outcome:
        """Compute what is new, keep it, and hand it to those who wait for it."""
        mine = {key: i for i in new if (key := keys[i]) is not None}
        packed: dict[AnswerKey, bytes] = {}
        try:
            outputs, timing, steps = await self._computed(view, ask, deadline, new)
            of = dict(zip(new, outputs, strict=True))
            content = await self._on_threads_if_large(view, pickle.dumps, [of[i] for i in mine.values()], ask)
            packed = dict(zip(mine, content, strict=True))
            cost_s = (timing.preprocess_s + timing.inference_s + timing.postprocess_s) / len(new)
            for key, one in packed.items():
                self._store.put(key, one, cost_s)
            return outputs, timing, steps
        finally:
            for key in mine:
                coming = self._on_their_way.get(key)
                # It may be another's, for which this one did not wait; who is first tells all.
                if coming is not None and (coming.ask is ask or key in packed):
                    del self._on_their_way[key]
                    coming.answer.set_result(packed.get(key))

    async def _computed(self, view: View[Any], ask: Ask, deadline: float, positions: Sequence[int]) -> Outcome:
        """Compute some items of a request. A fault is told by the position of its item among all."""
        if len(positions) == len(ask.items):
            return await self._compute(view, ask, deadline)
        try:
            return await self._compute(view, ask._replace(items=[ask.items[i] for i in positions]), deadline)
        except InvalidInput:
            outputs, timing, steps = await self._compute(view, ask, deadline)
            return [outputs[i] for i in positions], timing, steps

    async def _packed(
        self, known: "Sequence[bytes | asyncio.Future[bytes | None] | None]", deadline: float
    ) -> tuple[list[bytes | None], float]:
        """Return what is kept and what others have computed, once all of it is there; and the seconds until then."""
        coming = {one for one in known if isinstance(one, asyncio.Future)}
        began = perf_counter()
        if any(not one.done() for one in coming):
            async with answer_by(deadline):
                await asyncio.wait(coming)
        packed = [one.result() if isinstance(one, asyncio.Future) else one for one in known]
        return packed, perf_counter() - began

    async def _on_threads_if_large(
        self, view: View[Any], function: Callable[[Any], Any], values: Sequence[Any], ask: Ask
    ) -> list[Any]:
        """Apply `function` to each, on threads where outputs are large."""
        if view.contract.write is None or not values:
            return [function(one) for one in values]
        return await self._on_threads(function, values, ask)

    async def _on_threads(self, function: Callable[[Any], Any], values: Sequence[Any], ask: Ask) -> list[Any]:
        caller, weight = (ask.caller, self._observer.model), weight_of(ask.priority)
        return await self._threads.map(function, values, [0.0] * len(values), caller=caller, weight=weight)
