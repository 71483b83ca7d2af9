"""Take up what is published or measured while the service runs, without being asked."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from app.repository.manifest import Manifest
from app.serving.engine import Engine
from app.serving.worker import Worker, WorkerDied

log = logging.getLogger(__name__)

READ_TIMEOUT_S = 60.0  # for one look at the repository: a lost network drive never answers


async def follow(
    published: Callable[[], Mapping[str, Sequence[int]]],
    engine: Engine,
    every_s: float,
    new_plans: Callable[[Sequence[Manifest]], Sequence[str]] = lambda live: (),
) -> None:
    """Look every so many seconds at the versions that are `published`, by model, and load models with new ones.

    So are those that have been measured anew: `new_plans` tells which of the live ones.

    Runs until it is cancelled. A version that failed its checks is not tried again, but one that could not be read is.
    One that is gone stays loaded: a disk that is away for a moment must not unload a model.
    """
    worker, told = Worker("following"), dict[str, Sequence[int]]()
    async with asyncio.TaskGroup() as loads:
        while True:
            await asyncio.sleep(every_s)
            try:
                found = await worker.call(published, READ_TIMEOUT_S)
                live = [status.manifest for status in engine.status().models if status.manifest]
                measured = await worker.call(partial(new_plans, live), READ_TIMEOUT_S)
            except (OSError, WorkerDied) as error:
                log.error("the repository cannot be read: %s", error)
                worker.abandon()
                worker = Worker("following")
                continue
            for name in with_news(found, engine):
                if told.get(name) != found[name]:  # once, however often it is tried
                    log.info("%s has a version that is new, or may be read by now", name)
                    told[name] = found[name]
                loads.create_task(take_up(engine, name))
            for name in measured:
                log.info("%s has been measured, and is loaded with its new plan", name)
                loads.create_task(take_up(engine, name))


def with_news(published: Mapping[str, Sequence[int]], engine: Engine) -> list[str]:
    """Return the models of which a version is published that the engine has never seen, or could not read."""
    seen = {
        status.name: {one.version for one in status.versions if not one.may_pass} for status in engine.status().models
    }
    return [name for name, versions in published.items() if not seen.get(name, set()).issuperset(versions)]


async def take_up(engine: Engine, name: str) -> None:
    """Load a model. What keeps it from that is told in the log."""
    try:
        await engine.load(name)
    except Exception as error:  # the others are followed all the same
        log.error("%s: %s", name, error)
