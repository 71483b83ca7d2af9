"""Keep the repository up with a store beside the service, without keeping anybody waiting, and say how that goes."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Literal, NamedTuple

from app.errors import InvalidArtifact, ModelNotFound, ModelNotReady
from app.remote.listing import Versions
from app.remote.mirror import Mirror
from app.serving.engine import Engine
from app.serving.following import take_up, with_news
from app.serving.worker import Worker, WorkerDied, call_aside, working

Published = Callable[[], Mapping[str, Sequence[int]]]

log = logging.getLogger(__name__)

LOOK_TIMEOUT_S = 300.0  # to list a store
FETCH_TIMEOUT_S = 6 * 3600.0  # of one model, however large
MOST_FAULTS = 3  # models of one look that cannot be read, before the store is taken to be away
FIRST_WAIT_S, MOST_WAIT_S = 1.0, 60.0  # until a store that did not answer is asked again; twice as long each time


class NotFetched(NamedTuple):
    model: str
    version: int
    reason: str


class Mirrored(NamedTuple):
    """Is the repository behind the store? `reason` says why the store cannot be read."""

    url: str
    state: Literal["fetching", "current", "unreachable"]
    reason: str
    failed: tuple[NotFetched, ...]


class Mirroring:
    """Fetches beside the service, which goes on whatever happens here."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._url = str(mirror.remote.address)
        self._is_fetching, self._has_been_current, self._fault = True, False, ""
        self._began_with_some = self._has_some = False

    @property
    def now(self) -> Mirrored:
        state: Literal["fetching", "current", "unreachable"] = (
            "unreachable" if self._fault else "fetching" if self._is_fetching else "current"
        )
        failed = (
            NotFetched(name, version, reason)
            for name, told in sorted([*self._mirror.failures.items()])
            for version, reason in sorted(told.items())
        )
        return Mirrored(self._url, state, self._fault, tuple(failed))

    def why_missing(self, name: str) -> str:
        """Return why a model may not be here though the store has it; else "".

        Of no `name`: why the service is not ready for that reason. What was here when it started is served at once, but
        one that started with nothing first fetches all that it can.
        """
        if self._has_been_current:
            told = self._mirror.failures.get(name)
            return f"{name} could not be fetched from {self._url}: {told[max(told)]}" if told else ""
        is_served = not name and (self._has_some if self._fault else self._began_with_some)
        return "" if is_served else self._fault or f"models are being fetched from {self._url}"

    async def follow(self, engine: Engine, published: Published, every_s: float) -> None:
        """Fetch what is new every so many seconds, and load it; with 0, once. Runs until it is cancelled."""
        wait_s = FIRST_WAIT_S
        with suppress(OSError, WorkerDied):  # the engine tells of a bad disk
            self._began_with_some = self._has_some = bool(await call_aside(published, LOOK_TIMEOUT_S, "mirroring"))
        while True:
            self._is_fetching = True
            try:
                await self._catch_up(engine, published)
            except Exception as error:  # of whatever library: following goes on
                is_known = isinstance(error, OSError | InvalidArtifact | WorkerDied)
                fault, self._fault = self._fault, str(error) if is_known else repr(error)
                if self._fault != fault:
                    log.error("models cannot be fetched, and what is here is served: %s", self._fault)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, MOST_WAIT_S)
                continue
            if self._fault:
                log.info("models can be fetched again from %s", self._url)
            self._is_fetching, self._has_been_current, self._fault, wait_s = False, True, "", FIRST_WAIT_S
            if not every_s:
                return
            await asyncio.sleep(every_s)

    async def fetch(self, engine: Engine, name: str) -> None:
        """Fetch what is new of one model, because somebody wants it loaded.

        Raises ModelNotReady if the store cannot be read, and InvalidArtifact if its newest version is not as it should.
        """
        self._mirror.try_again(name)
        try:
            with working("mirroring") as worker:
                there = await worker.call(partial(self._mirror.look, name), LOOK_TIMEOUT_S)
                await self._bring(engine, name, there, worker)
        except (OSError, WorkerDied) as error:
            raise ModelNotReady(f"{error}; what is loaded stays as it is") from error
        newest, told = max(there.get(name, {}), default=0), self._mirror.failures.get(name, {})
        if newest in told:
            raise InvalidArtifact(f"{name} version {newest} is not fetched from {self._url}: {told[newest]}")

    async def _catch_up(self, engine: Engine, published: Published) -> None:
        with working("mirroring") as worker:
            there = await worker.call(self._mirror.look, LOOK_TIMEOUT_S)
            faults: list[OSError] = []
            for name in sorted(there):
                try:
                    # Each model is loaded as soon as it is here. One that does not pass its checks is made up for.
                    while await self._bring(engine, name, there, worker):
                        self._has_some = True
                        for one in with_news(await worker.call(published, LOOK_TIMEOUT_S), engine):
                            await take_up(engine, one)
                except OSError as error:  # of one file, it may be
                    faults.append(error)
                    if len(faults) == MOST_FAULTS:
                        break
            if faults:
                raise faults[0]

    async def _bring(self, engine: Engine, name: str, there: Versions, worker: Worker) -> bool:
        failed: set[int] = set()
        live: set[int] | None = None
        with suppress(ModelNotFound, ModelNotReady):  # the engine does not know it yet
            (status,) = engine.status(name).models
            failed = {one.version for one in status.versions if one.has_failed and not one.may_pass}
            live = {one.version for one in status.versions if one.state in ("ready", "loading")}
        return await worker.call(partial(self._mirror.bring, name, there, failed, live), FETCH_TIMEOUT_S)
