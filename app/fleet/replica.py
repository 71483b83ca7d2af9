"""One version of one model in a process of its own, as Ray Serve keeps as many of as are needed."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

import ray
from ray import serve
from ray.exceptions import RayActorError

from app.errors import InvalidArtifact, ModelNotReady, ServiceError
from app.fleet.away import Away, away
from app.fleet.environment import NAMESPACE
from app.fleet.table import Life, Post
from app.logs.writer import log_as
from app.repository.repository import ModelRepository
from app.runtimes.allocator import return_large_blocks
from app.runtimes.arena import open_arena
from app.runtimes.options import RuntimeOptions
from app.serving.engine import Ask, Prediction, Predicts
from app.serving.local import LocalEngine
from app.telemetry import Telemetry
from app.telemetry.elsewhere import sendable

log = logging.getLogger(__name__)

TELL_S = 0.5  # fronts hear within this and a little more how a replica is
WORTH_ANOTHER_TRY = (OSError, ModelNotReady)


class OneVersion(ModelRepository):
    """A repository in which everything else is out of sight."""

    def __init__(self, post: Post) -> None:
        super().__init__(post.orders.models_dir)
        self._name, self._version = post.name, post.version

    def names(self) -> list[str]:
        return [self._name]

    def versions(self, name: str) -> list[int]:
        return [version for version in super().versions(name) if version == self._version]


class Replica:
    """A local engine with one version: its batcher or stepper, its admission, its golden examples."""

    async def __init__(self, post: Post) -> None:  # type: ignore[misc]  # Ray awaits it
        """Raises InvalidArtifact for a version that must not be served, after the keeper was told why."""
        orders = post.orders
        log_as(orders.log_format, alone=True)  # Ray hands them on to whoever started it
        return_large_blocks()
        open_arena(orders.max_tensor_bytes)
        self._post = post
        self._name = serve.get_replica_context().replica_id.unique_id
        self._telemetry = Telemetry()
        self._engine = LocalEngine(
            OneVersion(post),
            self._telemetry,
            options=RuntimeOptions(device=orders.device, threads=post.threads),
            max_queue_size=orders.max_queue_size,
            max_pixels=orders.max_pixels,
            drift=orders.drift,
            load_timeout_s=orders.load_timeout_s,
            num_threads=post.threads,
            find=self._other,
        )
        self._keeper = ray.get_actor(post.keeper, NAMESPACE)
        self._others: dict[str, Other] = {}
        await self._engine.load(post.name)
        try:
            self._served = self._engine.find(post.name)
        except ServiceError as error:
            (status,) = self._engine.status(post.name).models
            # Without a version its folder is gone.
            reason, may_pass = next(((one.reason, one.may_pass) for one in status.versions), (str(error), True))
            with suppress(RayActorError):
                await asyncio.sleep(await self._keeper.failed.remote(post.app, reason, may_pass))
            raise InvalidArtifact(reason) from None
        self._telling = asyncio.create_task(self._tell())

    async def predict(self, ask: Ask) -> Prediction | ServiceError:
        """Return an error instead of raising it: what is raised arrives as another class, with a traceback as text."""
        try:
            return await self._engine.predict(ask)
        except ServiceError as error:
            return error

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction | ServiceError, None]:
        try:
            async with aclosing(self._engine.stream(ask)) as pieces:
                async for piece in pieces:
                    yield piece
        except ServiceError as error:
            yield error

    async def check_health(self) -> None:
        """Raises ModelNotReady if it cannot predict until its files are mended: Ray then starts another one."""
        if self._life().is_lost:
            raise ModelNotReady(f"{self._post.name} cannot predict any more")

    async def _tell(self) -> None:
        while True:
            try:
                if not await self._keeper.tell.remote(self._post.app, self._name, self._life()):
                    await self._keeper.introduce.remote(self._post.app, self._served)
                    continue
            except RayActorError:  # it is being started anew; meanwhile everybody goes on with what is known
                pass
            await asyncio.sleep(TELL_S)

    def _life(self) -> Life:
        (status,) = self._engine.status(self._post.name).models
        statistics = next(one.statistics for one in status.versions if one.statistics)
        metrics = sendable(self._telemetry.registry)
        return Life(status.is_ready, status.is_lost, status.placements, status.tuning, statistics, metrics)

    def _other(self, name: str) -> Predicts:
        if name == self._post.name:
            return self._engine.live(name)
        return self._others.setdefault(name, Other(name, self._keeper))


class Other:
    """Another model that a composed answer asks. Where it answers is asked of the keeper each time: it may change."""

    def __init__(self, name: str, keeper: Any) -> None:
        self._name, self._keeper = name, keeper
        self._app = ""
        self._away: dict[str, Away] = {}

    async def predict(self, ask: Ask) -> Prediction:
        """Answer as `Engine.predict` does. While there is no keeper, where it answered before is asked."""
        with suppress(RayActorError):
            found: str | ServiceError = await self._keeper.where.remote(self._name)
            if isinstance(found, ServiceError):
                raise found
            self._app = found
        if not self._app:
            raise ModelNotReady(f"it is not known where {self._name} answers; try again")
        if self._app not in self._away:
            self._away = {self._app: await away(self._app)}
        return await self._away[self._app].predict(ask)
