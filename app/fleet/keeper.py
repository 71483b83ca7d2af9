"""The one that knows what answers where: it deploys versions, hears of their replicas, and tells fronts."""

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from typing import Any

from prometheus_client.metrics_core import Metric

from app.errors import ModelNotReady, ServiceError
from app.fleet.deployed import Deployed
from app.fleet.deploying import Deployer
from app.fleet.table import Directory, Front, Life, Orders, Seat
from app.logs.writer import log_as
from app.repository.of_steps import ManifestOfSteps
from app.repository.repository import ModelRepository
from app.serving.engine import EngineStatus, Servable, Served
from app.serving.held import Held
from app.serving.loader import Opened
from app.serving.of_steps import VersionOfSteps
from app.serving.pool import Pool
from app.serving.versioned import VersionedEngine
from app.telemetry import ModelObserver, Telemetry, sum_of
from app.telemetry.elsewhere import sendable

log = logging.getLogger(__name__)

PUSH_S = 1.0  # the longest that a front waits for news
FRONT_GONE_S = 5.0  # after which a front that is not heard of holds nothing
SUSPENSE_S = 90.0  # in which a service that starts waits for a model: processes have to start first
LOAD_AGAIN_S = 5.0  # after a repository that could not be read


class Fleet(VersionedEngine):
    """Versions whose requests are answered elsewhere. It loads, keeps and lets go as an engine in one process does."""

    def __init__(self, deployer: Deployer, telemetry: Telemetry, orders: Orders) -> None:
        super().__init__(
            ModelRepository(orders.models_dir, orders.models),
            deployer,
            telemetry,
            Pool(1, "steps"),
            keep_versions=orders.keep_versions,
            required=orders.required,
            suspense_s=SUSPENSE_S,
            drain_timeout_s=orders.drain_timeout_s,
        )
        self._deployer = deployer
        self.revision = 0
        """Another one whenever other versions answer than before."""
        self._loads = Counter[str]()
        self._fronts: dict[str, tuple[Front, float]] = {}
        self._changed = asyncio.Event()
        self._heard = asyncio.Event()
        deployer.num_replicas = self._num_replicas

    @property
    def is_complete(self) -> bool:
        return self._is_complete

    def live_versions(self) -> dict[str, list[Deployed | VersionOfSteps]]:
        """Return what answers as each model, newest first."""
        return {
            name: [one.model for one in versions.live if isinstance(one.model, Deployed | VersionOfSteps)]
            for name, versions in self._models.items()
        }

    async def changed(self) -> None:
        """Return when other versions answer than now, at the latest after a second."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), PUSH_S)

    def hear(self, front: Front) -> None:
        """Take note of what a front holds, and of what its pipelines have done."""
        self._fronts[front.name] = front, time.monotonic()
        self._heard.set()
        for versions in self.live_versions().values():
            for one in versions:
                if isinstance(one, VersionOfSteps):
                    one.statistics = sum_of(
                        each.pipelines[one.key] for each, _ in self._fronts.values() if one.key in each.pipelines
                    )

    def forget(self, front: str) -> None:
        self._fronts.pop(front, None)
        self._heard.set()

    @property
    def first_front(self) -> str:
        """The name of the front that has been there longest; "" without any."""
        now = time.monotonic()
        return next((name for name, (_, heard) in self._fronts.items() if now - heard < FRONT_GONE_S), "")

    async def released(self, key: str) -> None:
        """Return when no front holds the version of that key; what is not heard of any more holds none."""
        revision = self.revision
        while True:
            now = time.monotonic()
            if not any(
                now - heard < FRONT_GONE_S and (key in front.holds or front.revision < revision)
                for front, heard in self._fronts.values()
            ):
                return
            self._heard.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), PUSH_S)

    def _alive(self, opened: Opened, observer: ModelObserver) -> AbstractAsyncContextManager[Servable]:
        manifest = opened.manifest
        app = self._deployer.app_of(manifest.name, manifest.version, opened.fingerprint)
        self._soon_changed()
        return Deployed(app, self._key(app), self._deployer.told[app], self.released, self._deployer.delete)

    def _of_steps(self, manifest: ManifestOfSteps, opened: Opened, observer: ModelObserver) -> VersionOfSteps:
        version = super()._of_steps(manifest, opened, observer)
        version.key = key = self._key(self._deployer.app_of(manifest.name, manifest.version, opened.fingerprint))
        version.drained = lambda: self.released(key)  # fronts answer as it
        return version

    def _key(self, app: str) -> str:
        """Return another one each time: the same content may be loaded again while what was let go still answers."""
        self._loads[app] += 1
        return f"{app} {self._loads[app]}"

    async def _go_live(self, opened: Opened) -> Servable:
        alive = await super()._go_live(opened)
        self._soon_changed()
        return alive

    def _retire_soon(self, model: Servable) -> asyncio.Task[None]:
        self._change()
        return super()._retire_soon(model)

    def _soon_changed(self) -> None:
        # It joins those that answer in the same step of the event loop in which this returns.
        asyncio.get_running_loop().call_soon(self._change)

    def _change(self) -> None:
        self.revision += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def _num_replicas(self, name: str) -> int:
        versions = self._models.get(name)
        newest = versions.live[0].model if versions and versions.live else None
        return newest.num_replicas if isinstance(newest, Deployed) else 0


class Keeper:
    """An actor of Ray around a fleet. It is started anew if it dies, and takes what is deployed as it is."""

    def __init__(self, name: str, fleet: str, actor_options: Mapping[str, Any], is_own: bool, orders: Orders) -> None:
        log_as(orders.log_format, alone=True)
        self._name = f"{name} {os.getpid()} {time.time()}"
        self._telemetry = Telemetry()
        self._deployer = Deployer(name, fleet, actor_options, is_own, orders)
        self._fleet = Fleet(self._deployer, self._telemetry, orders)
        self._beginning: asyncio.Task[None] | None = None

    async def begin(self, orders: Orders) -> None:
        """Load all; of a keeper that has begun, take new orders for what is loaded from now on."""
        if orders != self._deployer.orders:
            log.info("there are new orders for what is loaded from now on")
            self._deployer.orders = orders
        if self._beginning is None:
            self._beginning = asyncio.create_task(self._begin())

    async def _begin(self) -> None:
        while not self._fleet.is_complete:
            try:
                await self._fleet.load()
            except ServiceError as error:
                log.error("the models could not be loaded; next try in %.0f s: %s", LOAD_AGAIN_S, error)
                await asyncio.sleep(LOAD_AGAIN_S)
        known = {
            one.app
            for versions in self._fleet.live_versions().values()
            for one in versions
            if isinstance(one, Deployed)
        }
        await self._deployer.delete_others(known)

    # By replicas.

    async def introduce(self, app: str, served: Served) -> None:
        if told := self._deployer.told.get(app):
            told.introduce(served)

    async def failed(self, app: str, reason: str, may_pass: bool) -> float:
        """Return how many seconds a replica that cannot load its version is to wait before it gives up."""
        told = self._deployer.told.get(app)
        if told is None:
            return 0.0
        pause_s = told.fail(reason, may_pass)
        if pause_s:
            log.error("%s: a replica cannot load it any more; next try in %.0f s: %s", app, pause_s, reason)
        return pause_s

    async def tell(self, app: str, replica: str, life: Life) -> bool:
        """Return whether it is known what a version is, of which a replica tells how it is."""
        told = self._deployer.told.get(app)
        if told is None:
            return True
        told.tell(replica, life)
        return told.served is not None

    async def where(self, name: str) -> str | ServiceError:
        """Return the application of the newest version of a model, or why it cannot be asked."""
        try:
            found = self._fleet.live(name)
        except ServiceError as error:
            return error
        return found.app if isinstance(found, Deployed) else ModelNotReady(f"{name} has steps, and asks them itself")

    # By fronts.

    async def table(self, front: Front) -> Directory:
        """Return what answers: at once if it is other than a front knows, or else within a second."""
        self._fleet.hear(front)
        if (front.keeper, front.revision) == (self._name, self._fleet.revision):
            await self._fleet.changed()
        live = self._fleet.live_versions()
        return Directory(
            self._name,
            self._fleet.revision,
            self._fleet.is_complete,
            _without_manifests(self._fleet.status()),
            {name: [_live(one) for one in versions] for name, versions in live.items() if versions},
            self._metrics(live) if front.name == self._fleet.first_front else {},
        )

    async def served(self, name: str, key: str) -> Served | None:
        """Return all that the API may know of a version; None if it has gone meanwhile."""
        versions = self._fleet.live_versions().get(name, ())
        return next((one.served for one in versions if one.key == key), None)

    async def load(self, name: str | None) -> ServiceError | None:
        return await _failure_of(self._fleet.load(name))

    async def unload(self, name: str) -> ServiceError | None:
        return await _failure_of(self._fleet.unload(name))

    async def hold(self, name: str, held: Held) -> None:
        self._fleet.hold(name, held)

    async def pin(self, name: str, version: int) -> ServiceError | None:
        return await _failure_of(self._fleet.pin(name, version))

    async def unpin(self, name: str, version: int) -> None:
        self._fleet.unpin(name, version)

    async def leave(self, front: str) -> None:
        """A front holds nothing any more."""
        self._fleet.forget(front)

    async def stop(self) -> None:
        """Unload everything."""
        if self._beginning:
            self._beginning.cancel()
        await self._fleet.stop()

    def _metrics(self, live: Mapping[str, Sequence[Deployed | VersionOfSteps]]) -> dict[str, Sequence[Metric]]:
        metrics: dict[str, Sequence[Metric]] = {"keeper": sendable(self._telemetry.registry)}
        for versions in live.values():
            for one in versions:
                if isinstance(one, Deployed):
                    metrics.update(one.metrics)
        return metrics


async def _failure_of(asked: Awaitable[None]) -> ServiceError | None:
    try:
        await asked
    except ServiceError as error:
        return error
    return None


def _without_manifests(status: EngineStatus) -> EngineStatus:
    return replace(status, models=[replace(one, manifest=None) for one in status.models])


def _live(one: Deployed | VersionOfSteps) -> Seat:
    return Seat(one.served.manifest.version, one.key, one.app if isinstance(one, Deployed) else "")
