"""An engine whose models answer in replicas of Ray Serve: a front has one, and there may be many fronts."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from secrets import token_hex
from typing import Any

import ray
from ray.exceptions import RayActorError

from app.errors import ModelNotReady, ServiceError
from app.fleet.away import Away, away
from app.fleet.environment import NAMESPACE, Cluster, beside
from app.fleet.keeper import Keeper
from app.fleet.table import Directory, Front, Orders, Seat, keeper_of
from app.serving.choosing import choose, fitting
from app.serving.engine import Ask, Asker, EngineStatus, ModelStatus, Prediction, Respondent, Served
from app.serving.held import Held
from app.serving.in_flight import InFlight
from app.serving.kinds import of_steps
from app.serving.names import no_such_model, not_served
from app.serving.of_steps import VersionOfSteps
from app.serving.pool import Pool
from app.telemetry import Telemetry

log = logging.getLogger(__name__)

SOON_S = 0.05  # until a table is asked for again of which something is gone, or not there yet
AGAIN_S = 0.5  # until a keeper that does not answer is asked again
# An actor of which there is one, and which Ray starts anew if it dies.
KEPT: dict[str, Any] = {
    "namespace": NAMESPACE, "get_if_exists": True, "lifetime": "detached", "max_restarts": -1, "num_cpus": 0
}  # fmt: skip


class AwayVersion:
    """A version that answers in replicas, and the requests of this front that it is answering."""

    def __init__(self, served: Served, away: Away) -> None:
        self.served = served
        self.is_ready = True
        self._away = away
        self._in_flight = InFlight(served.manifest)

    async def predict(self, ask: Ask) -> Prediction:
        """As `Engine.predict` does."""
        with self._in_flight:
            return await self._away.predict(ask)

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        """As `Engine.stream` does."""
        with self._in_flight:
            async with aclosing(self._away.stream(ask)) as pieces:
                async for piece in pieces:
                    yield piece

    async def drain(self) -> None:
        """Refuse requests from now on; return when those that were admitted are answered."""
        await self._in_flight.drain()


class RayEngine:
    """The table of what answers, which the keeper keeps fresh, and the handles of those that do.

    It goes by the last table while there is no keeper. What has steps is answered here, the steps in replicas.
    """

    def __init__(
        self,
        cluster: Cluster,
        fleet: str,
        orders: Orders,
        telemetry: Telemetry,
        *,
        owns_fleet: bool,
        num_threads: int = 2,
    ) -> None:
        """`fleet` names what shares a keeper. Whoever owns it ends it when it stops; other fronts leave it as it is."""
        self.is_stopping = False
        self._cluster, self._fleet, self._orders, self._owns_fleet = cluster, fleet, orders, owns_fleet
        self._telemetry = telemetry
        self._threads = Pool(num_threads, "before")
        self._name = f"{socket.gethostname()} {os.getpid()} {token_hex(4)}"
        self._keeper: Any = None
        self._following: asyncio.Task[None] | None = None
        self._table: Directory | None = None
        self._seen = ("", -1)  # keeper and revision of the last table
        self._statuses: Mapping[str, ModelStatus] = {}
        self._live: Mapping[str, list[Respondent]] = {}
        self._known: dict[str, Respondent] = {}
        """All that may still be answering, by key."""
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._held: dict[str, Held] = {}
        self._one_meets, self._one_takes = asyncio.Lock(), asyncio.Lock()
        telemetry.tell_of(lambda: self._table.metrics if self._table else {})

    async def load(self, name: str | None = None) -> None:
        self._require_running()
        await self._meet()
        await self._told("load", name)

    async def unload(self, name: str) -> None:
        await self._told("unload", name)

    async def stop(self) -> None:
        self.is_stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._orders.drain_timeout_s):
                # What has been admitted still needs its steps.
                for has_steps in (True, False):
                    last = [one for one in self._known.values() if isinstance(one, VersionOfSteps) == has_steps]
                    await asyncio.gather(*(one.drain() for one in last))
        if self._following:
            self._following.cancel()
            with suppress(RayActorError):
                await self._keeper.leave.remote(self._name)
                if self._owns_fleet:
                    await self._keeper.stop.remote()
                    await beside(ray.kill, self._keeper)
        self._threads.close()

    def status(self, name: str | None = None) -> EngineStatus:
        if name is not None:
            self._require_running()
            model = self._known_model(name)
            return EngineStatus(model.is_ready, "" if model.is_ready else f"model {name} is not ready", [model])
        models = list(self._statuses.values())
        if self.is_stopping:
            return EngineStatus(False, "the service is stopping", models)
        loading = EngineStatus(False, "models are being loaded", models)
        return loading if self._table is None else replace(self._table.status, models=models)

    def find(self, name: str, version: int | None = None, asker: Asker | None = None) -> Served:
        self._require_running()
        return self.live(name, version).served

    def hold(self, name: str, held: Held) -> None:
        """Tell the keeper which versions are to answer and stay; at the latest when it is there."""
        self._held[name] = held
        if self._keeper is not None:
            self._keeper.hold.remote(name, held)

    async def pin(self, name: str, version: int) -> None:
        await self._told("pin", name, version)

    def unpin(self, name: str, version: int) -> None:
        if self._keeper is not None:
            self._keeper.unpin.remote(name, version)

    def can_answer(self, name: str, version: int) -> bool:
        versions = self._statuses[name].versions if name in self._statuses else []
        return any(one.is_ready for one in versions if one.version == version)

    async def predict(self, ask: Ask) -> Prediction:
        return await self._answering(ask).predict(ask)

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        async with aclosing(self._answering(ask).stream(ask)) as pieces:
            async for piece in pieces:
                yield piece

    def live(self, name: str, version: int | None = None) -> Respondent:
        """Return the version that answers, for a pipeline that asks it, also while the service stops.

        Raises ModelNotFound and ModelNotReady.
        """
        statuses = {one.version: one for one in self._known_model(name).versions}
        return choose(name, self._live.get(name, ()), statuses, version)

    def _answering(self, ask: Ask) -> Respondent:
        self._require_running()
        statuses = {one.version: one for one in self._known_model(ask.model).versions}
        return choose(ask.model, self._live.get(ask.model, ()), statuses, ask.version, fitting(ask))

    def _known_model(self, name: str) -> ModelStatus:
        status = self._statuses.get(name)
        if status is None:
            if self._table is None or not (self._table.is_complete or self._statuses):
                raise ModelNotReady("models are being loaded")
            if self._orders.models and name not in self._orders.models:
                raise not_served(name, frozenset(self._orders.models))
            raise no_such_model(name, self._statuses)
        return status

    def _require_running(self) -> None:
        if self.is_stopping:
            raise ModelNotReady("the service is stopping")

    async def _told(self, what: str, *arguments: object) -> None:
        """Tell the keeper to do something, and return when it is done and this front knows.

        Raises what the keeper does, and ModelNotReady while there is none.
        """
        if self._keeper is None:
            raise ModelNotReady("models are being loaded")
        try:
            error: ServiceError | None = await getattr(self._keeper, what).remote(*arguments)
            self._require_running()
            await self._take(await self._keeper.table.remote(self._front(-1)))
        except RayActorError:
            raise ModelNotReady("whoever loads models is being started anew; try again") from None
        if error is not None:
            raise error

    async def _meet(self) -> None:
        """Find the keeper, or start it, and follow what it tells."""
        async with self._one_meets:
            if self._following is not None:
                return
            cluster, name = self._cluster, keeper_of(self._fleet)
            options = ray.remote(Keeper).options(name=name, **KEPT, **cluster.actor_options)
            self._keeper = await beside(
                options.remote, name, self._fleet, cluster.actor_options, cluster.is_own, self._orders
            )
            with suppress(RayActorError):  # whoever follows finds it
                await self._begin()
            self._following = asyncio.create_task(self._follow())

    async def _begin(self) -> None:
        """Tell a keeper that may know nothing yet which versions are to answer, and then to load them."""
        await asyncio.gather(*(self._keeper.hold.remote(model, held) for model, held in self._held.items()))
        await self._keeper.begin.remote(self._orders)

    async def _follow(self) -> None:
        is_told = False
        while True:
            try:
                if not await self._take(await self._keeper.table.remote(self._front(self._seen[1]))):
                    await asyncio.sleep(SOON_S)
                is_told = False
            except RayActorError as error:
                if not is_told:
                    log.warning("the keeper does not answer (%s); all goes on as it was", type(error).__name__)
                is_told = True
                await asyncio.sleep(AGAIN_S)
            except Exception:  # nobody awaits this, and a front that follows no more would go on for ever as it is
                log.exception("a table could not be read")
                await asyncio.sleep(AGAIN_S)

    def _front(self, revision: int) -> Front:
        pipelines = {key: one.statistics for key, one in self._known.items() if isinstance(one, VersionOfSteps)}
        return Front(self._name, self._seen[0], revision, frozenset(self._known), pipelines)

    async def _take(self, table: Directory) -> bool:
        """Go by a table from now on, unless a newer one came before it, or its keeper does not know all yet.

        Return whether all that it names could be found.
        """
        async with self._one_takes:
            if table.keeper != self._seen[0]:  # it may have been started anew
                await self._begin()
            if table.is_complete or not (self._table and self._table.is_complete):
                for name, versions in table.live.items():
                    for one in versions:
                        if not await self._is_known(name, one):
                            return False
                if self._table is None or self._table.keeper != table.keeper or self._table.revision <= table.revision:
                    self._go_by(table)
            self._seen = table.keeper, table.revision
            return True

    async def _is_known(self, name: str, live: Seat) -> bool:
        if live.key in self._known and live.key not in self._leaving:
            return True
        served = await self._keeper.served.remote(name, live.key)
        if served is None:  # gone meanwhile: another table is about to come
            return False
        if live.app:
            try:
                self._known[live.key] = AwayVersion(served, await away(live.app))
            except ModelNotReady:
                return False
        else:
            observer = self._telemetry.observer(name, live.version)
            self._known[live.key] = of_steps(served.manifest, self.live, observer, served.card, self._threads)
            self._known[live.key].served = served
        return True

    def _go_by(self, table: Directory) -> None:
        self._table = table
        self._live = {name: [self._known[one.key] for one in versions] for name, versions in table.live.items()}
        self._statuses = {
            one.name: replace(one, manifest=live[0].served.manifest if (live := self._live.get(one.name)) else None)
            for one in table.status.models
        }
        answering = {one.key for versions in table.live.values() for one in versions}
        for key in self._known.keys() - answering - self._leaving.keys():
            self._leaving[key] = asyncio.create_task(self._let_go(key, self._known[key]))

    async def _let_go(self, key: str, version: Respondent) -> None:
        """Hold a version until what this front has asked it is answered."""
        await version.drain()
        if self._known[key] is version:  # a keeper that was started anew may give a key again
            del self._known[key]
        del self._leaving[key]
