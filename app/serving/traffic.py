"""The engine whose models divide their callers among versions, by rules that lie beside these."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from app.errors import InvalidArtifact, InvalidInput, ModelNotFound, ModelNotReady
from app.repository.repository import ModelRepository
from app.repository.traffic import CanaryRule, ShadowRule, TrafficRule, twice
from app.serving.engine import Ask, Asker, EngineStatus, HoldingEngine, Prediction, Served
from app.serving.figures import RoleFigures
from app.serving.held import Held
from app.serving.rules import KeptRules
from app.serving.split import TrafficSplit
from app.telemetry import Telemetry

log = logging.getLogger(__name__)

Newest = Literal["newest"]


@dataclass(frozen=True, slots=True)
class Traffic:
    """The version of a model that answers by default, its rule, and what came of that since it holds here.

    Without a rule the newest version answers. `problem` says why the file of the rule cannot be used.
    """

    model: str
    default: int
    rule: TrafficRule | None
    since: datetime | None
    figures: Sequence[RoleFigures]
    problem: str


class TrafficEngine:
    """An Engine before another one. It chooses the version for whoever names none, and answers by that."""

    def __init__(self, engine: HoldingEngine, repository: ModelRepository, telemetry: Telemetry) -> None:
        """In the repository the rules are kept."""
        self._engine = engine
        self._kept = KeptRules(repository)
        self._metrics = telemetry.traffic
        self._splits: dict[str, TrafficSplit] = {}
        self._one_at_a_time = asyncio.Lock()

    @property
    def is_stopping(self) -> bool:
        return self._engine.is_stopping

    def status(self, name: str | None = None) -> EngineStatus:
        return self._engine.status(name)

    def find(self, name: str, version: int | None = None, asker: Asker | None = None) -> Served:
        split = self._splits.get(name)
        if split is None or version is not None or asker is None or not split.is_of_canary(asker):
            return self._engine.find(name, version)
        assert split.rule.canary is not None
        if self._engine.can_answer(name, split.rule.canary.version):
            return self._engine.find(name, split.rule.canary.version)
        split.stood_in()
        return self._engine.find(name)

    def predict(self, ask: Ask) -> Coroutine[Any, Any, Prediction]:
        split = self._splits.get(ask.model)
        return self._engine.predict(ask) if split is None or ask.version is not None else split.predict(ask)

    def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        split = self._splits.get(ask.model)
        return self._engine.stream(ask) if split is None or ask.version is not None else split.stream(ask)

    async def load(self, name: str | None = None) -> None:
        async with self._one_at_a_time:
            await self._take_up(name)
        await self._engine.load(name)
        for one in self._splits.keys() & {name} if name else self._splits:
            self._warn_if_missing(one)

    async def unload(self, name: str) -> None:
        await self._engine.unload(name)

    async def stop(self) -> None:
        for split in self._splits.values():
            split.close()
        await self._engine.stop()

    def traffic(self, name: str) -> Traffic:
        """Raises ModelNotFound and ModelNotReady."""
        default, problem = self._engine.find(name).manifest.version, self._kept.problems.get(name, "")
        split = self._splits.get(name)
        if split is None:
            return Traffic(name, default, None, None, (), problem)
        return Traffic(name, default, split.rule, split.since, split.figures(), problem)

    async def divide(
        self,
        name: str,
        default: int | Newest | None = None,
        canary: CanaryRule | None = None,
        shadow: ShadowRule | None = None,
    ) -> None:
        """Put a whole rule in the place of the one before, once every version that it names is live.

        A default that is not named stays: that of the rule, or else the version that answers now. Without a rule,
        without canary and without shadow, the newest goes on to answer.

        Raises ModelNotFound, ModelNotReady, InvalidInput, InvalidArtifact for a version that does not come alive, and
        NotWritable. Then everything stays as it was.
        """
        self._engine.find(name)
        async with self._one_at_a_time:
            await self._take_up(name)
        rule = self._resolved(name, default, canary, shadow)
        async with self._pinned(name, rule), self._one_at_a_time:
            self._require_same_form(name, rule)
            await self._take_up(name)  # another may have changed it while versions were loaded
            rule = self._resolved(name, default, canary, shadow)
            await self._kept.write(name, rule)
            self._let_hold(name, rule)

    async def follow(self, every_s: float) -> None:
        """Look every so many seconds whether another process has changed a rule. Runs until it is cancelled."""
        following = dict[str, asyncio.Task[None]]()
        async with asyncio.TaskGroup() as tasks:
            while True:
                await asyncio.sleep(every_s)
                for name, rule in self._changed(await self._kept.read()).items():
                    if name not in following or following[name].done():
                        following[name] = tasks.create_task(self._follow(name, rule))

    async def _follow(self, name: str, rule: TrafficRule | None) -> None:
        """Let a rule of another process hold, once its versions are live."""
        try:
            async with self._pinned(name, rule), self._one_at_a_time:
                await self._take_up(name)
        except Exception as error:  # it holds all the same, and others answer for what is missing
            log.error("%s: %s", name, error)
            async with self._one_at_a_time:
                await self._take_up(name)

    async def _take_up(self, name: str | None) -> None:
        """Let what lies on disk hold, for all models or for one."""
        for one, rule in self._changed(await self._kept.read(name)).items():
            self._let_hold(one, rule)

    def _changed(self, found: dict[str, TrafficRule | None] | None) -> dict[str, TrafficRule | None]:
        """Return what is no longer as it holds."""
        return {one: rule for one, rule in (found or {}).items() if rule != self._rule(one)}

    def _rule(self, name: str) -> TrafficRule | None:
        split = self._splits.get(name)
        return split.rule if split else None

    def _let_hold(self, name: str, rule: TrafficRule | None) -> None:
        if rule == self._rule(name):
            return
        before = self._splits.pop(name, None)
        if rule is not None:
            self._splits[name] = TrafficSplit(name, rule, self._engine, self._metrics)
        self._engine.hold(name, Held(rule.default, frozenset(rule.versions)) if rule else Held())
        if before:
            before.close()
        log.info("%s: %s", name, rule or "the newest version answers")

    def _warn_if_missing(self, name: str) -> None:
        for version in self._splits[name].rule.versions:
            if not self._engine.can_answer(name, version):
                log.error("%s: its rule on traffic names version %d, which cannot answer; others do", name, version)

    def _resolved(
        self, name: str, default: int | Newest | None, canary: CanaryRule | None, shadow: ShadowRule | None
    ) -> TrafficRule | None:
        named, holds = [one.version for one in (canary, shadow) if one], self._rule(name)
        if default == "newest":
            if named:
                raise InvalidInput("a canary or a shadow needs one that stays: name its number").under("default")
            return None
        if default is None:
            if holds is None and not named:
                return None
            default = holds.default if holds else self._beside(name, named)
        if fault := twice(default, canary, shadow):
            raise InvalidInput.of([fault])
        return TrafficRule(default=default, canary=canary, shadow=shadow)

    def _require_same_form(self, name: str, rule: TrafficRule | None) -> None:
        """Raise InvalidInput for a shadow that can never be asked what the default is asked."""
        if rule is None or rule.shadow is None or not self._engine.can_answer(name, rule.default):
            return
        ours, theirs = (self._engine.find(name, version) for version in (rule.default, rule.shadow.version))
        view = ours.manifest.task
        if ours.forms.get(view) != theirs.forms.get(view):
            raise InvalidInput(f"version {rule.shadow.version} takes other inputs than version {rule.default}").under(
                "shadow", "version"
            )

    def _beside(self, name: str, named: Sequence[int]) -> int:
        """Return the version that answers by default beside those that are named: that of now, or the one before."""
        answers = self._engine.find(name).manifest.version
        if answers not in named:
            return answers
        (status,) = self._engine.status(name).models
        live = [one.version for one in status.versions if one.state == "ready" and one.version not in named]
        if not live:
            raise InvalidInput(f"is missing: no other version of {name} is live to answer the rest").under("default")
        return max([one for one in live if one < answers] or live)

    @asynccontextmanager
    async def _pinned(self, name: str, rule: TrafficRule | None) -> AsyncIterator[None]:
        """Inside, every version that a rule names is live. Raises as `divide` does for one that is not.

        The default of the rule before is left as it is: whoever only ends a trial is never refused, nor kept waiting.
        """
        pinned, holds = list[int](), self._rule(name)
        try:
            for place, version in rule.places if rule else ():
                if holds and version == holds.default:
                    continue
                pinned.append(version)
                try:
                    await self._engine.pin(name, version)
                except ModelNotFound as error:
                    raise InvalidInput(str(error)).under(*place) from None
                except ModelNotReady as error:
                    (status,) = self._engine.status(name).models
                    if any(one.version == version and one.has_failed for one in status.versions):
                        raise InvalidArtifact(f"{error}; the rule stays as it was") from None
                    raise
            yield
        finally:
            for version in pinned:
                self._engine.unpin(name, version)
