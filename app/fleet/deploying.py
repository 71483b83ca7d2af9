"""Bring a version to where it can answer: as an application of Ray Serve, whose replicas load it."""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ray import serve
from ray.serve import RunTarget
from ray.serve.schema import ApplicationStatus

from app.errors import InvalidArtifact
from app.fleet.environment import QUIET, beside
from app.fleet.replica import Replica
from app.fleet.scaling import ModelScaling
from app.fleet.table import ANSWER, Orders, Post
from app.fleet.told import Told
from app.repository.manifest import Manifest
from app.repository.of_steps import ManifestOfSteps
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.loader import Loader, Opened
from app.serving.loading import Loaded

log = logging.getLogger(__name__)

LOOK_S = 1.0  # at what Ray says of an application that is being deployed
TRIES = 2  # of a replica's process that ends while it loads: it may have been the machine
START_S = 300.0  # for a replica to find room and to begin, beside the time for loading: a node may have to start first
AT_A_TIME = 10_000  # requests in a replica: whether there is room for one more, says its own admission
HEALTH_S, UNHEALTHY_S = 1.0, 5.0


class Deployer(Loader):
    """Loads versions by deploying them. One that is deployed already, by a keeper before, is taken as it is."""

    def __init__(self, keeper: str, fleet: str, actor_options: Mapping[str, Any], is_own: bool, orders: Orders) -> None:
        """`fleet` is the first part of the names of applications."""
        super().__init__(
            ModelRepository(orders.models_dir, orders.models),
            RuntimeOptions(device=orders.device),
            timeout_s=orders.load_timeout_s,
            turn_s=1.0,
        )
        self.orders = orders
        self.told: dict[str, Told] = {}
        """By application."""
        self.num_replicas: Callable[[str], int] = lambda name: 0
        """Return how many replicas answer as a model now."""
        self._users = Counter[str]()
        self._keeper, self._fleet = keeper, fleet
        self._actor_options, self._is_own = actor_options, is_own

    def app_of(self, name: str, version: int, fingerprint: str) -> str:
        content = f"{self.orders.models_dir} {fingerprint}"
        return f"{self._fleet}_{name}_{version}_{hashlib.sha256(content.encode()).hexdigest()[:10]}"

    def _fingerprint(self, name: str, version: int) -> str:
        return super()._fingerprint(name, version) + self.orders.scaling.of(name).model_dump_json()

    async def load(self, name: str, version: int) -> Opened:
        """Raises InvalidArtifact if its replicas say that it must not be served, or none of them is there in time."""
        opened = await self._read(partial(self._load, name, version))
        if not isinstance(opened.manifest, ManifestOfSteps):
            app = self.app_of(name, version, opened.fingerprint)
            self._users[app] += 1
            try:
                await self._deploy(app, opened.manifest)
            except BaseException:
                await self.delete(app)
                raise
        return opened

    def _open(self, manifest: Manifest) -> Loaded | None:
        return super()._open(manifest) if isinstance(manifest, ManifestOfSteps) else None

    async def _deploy(self, app: str, manifest: Manifest) -> None:
        told = self.told.setdefault(app, Told())
        scaling = self.orders.scaling.of(manifest.name)
        await beside(self._run, app, manifest, scaling)
        patience_s = self.orders.load_timeout_s + START_S
        until = asyncio.get_running_loop().time() + patience_s
        while not (told.served and len(told.lives) >= scaling.min_replicas):
            if told.failure:
                reason, may_pass = told.failure
                raise InvalidArtifact(reason) from (OSError(reason) if may_pass else None)
            if why := await beside(_failure, app):
                raise InvalidArtifact(f"its replicas do not start: {why}")
            if asyncio.get_running_loop().time() > until:
                if told.served:
                    log.warning("%s: only %d of %d replicas found room", app, len(told.lives), scaling.min_replicas)
                    return
                needs = f"{scaling.cpus:g} processors and {scaling.gpus:g} GPUs"
                raise InvalidArtifact(f"no replica was there within {patience_s:g} s; it needs {needs}") from OSError()
            await told.heard(LOOK_S)

    def _run(self, app: str, manifest: Manifest, scaling: ModelScaling) -> None:
        """Tell Ray Serve to run an application, unless it does already."""
        if _state(app) is None:
            target = self._target(app, manifest, scaling)
            serve.run_many([target], wait_for_applications_running=False, wait_for_ingress_deployment_creation=False)

    def _target(self, app: str, manifest: Manifest, scaling: ModelScaling) -> RunTarget:
        post = Post(self._keeper, app, manifest.name, manifest.version, scaling.threads, self.orders)
        # One that takes over begins with as many as answer now, or it would be overrun.
        initial = min(max(scaling.min_replicas, self.num_replicas(manifest.name)), scaling.max_replicas)
        resources = {} if self._is_own else {"num_cpus": scaling.cpus}
        deployment = serve.deployment(
            name=ANSWER,
            max_ongoing_requests=AT_A_TIME,
            autoscaling_config={
                "min_replicas": scaling.min_replicas,
                "initial_replicas": initial,
                "max_replicas": scaling.max_replicas,
                "target_ongoing_requests": scaling.requests_per_replica,
                "upscale_delay_s": scaling.upscale_delay_s,
                "downscale_delay_s": scaling.downscale_delay_s,
            },
            max_constructor_retry_count=TRIES,
            health_check_period_s=HEALTH_S,
            health_check_timeout_s=UNHEALTHY_S,
            graceful_shutdown_timeout_s=self.orders.drain_timeout_s,
            graceful_shutdown_wait_loop_s=0.2,
            logging_config=QUIET,
            ray_actor_options={"num_cpus": 0, **resources, "num_gpus": scaling.gpus, **self._actor_options},
        )(Replica)
        return RunTarget(target=deployment.bind(post), name=app, route_prefix=None)

    async def delete(self, app: str) -> None:
        """End an application that was loaded, unless it was loaded again meanwhile.

        Its replicas answer first what they have been asked.
        """
        self._users[app] -= 1
        if self._users[app] <= 0:
            del self._users[app]
            await self._end(app)

    async def _end(self, app: str) -> None:
        self.told.pop(app, None)
        await beside(serve.delete, app, _blocking=False)

    async def delete_others(self, wanted: set[str]) -> None:
        """End the applications of this fleet that nobody knows of: a keeper before this one deployed them."""
        for app in await beside(_applications):
            if app.startswith(f"{self._fleet}_") and app not in wanted and app not in self.told:
                log.warning("%s is ended: nobody asks it any more", app)
                await self._end(app)


def _applications() -> list[str]:
    known = serve.status().applications
    return [app for app, found in known.items() if found.status != ApplicationStatus.DELETING]


def _state(app: str) -> Any:
    """Return what Ray Serve knows of an application; None if there is none, or it is on its way out."""
    found = serve.status().applications.get(app)
    return None if found is None or found.status == ApplicationStatus.DELETING else found


def _failure(app: str) -> str:
    """Return why an application could not be deployed, in a line; "" if it was, or may yet be."""
    found = _state(app)
    if found is None or found.status != ApplicationStatus.DEPLOY_FAILED:
        return ""
    said = [found.message, *(one.message for one in found.deployments.values())]
    lines = [line for text in said for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else str(found.status)
