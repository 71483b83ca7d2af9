"""The parts that tests of batching share: a gate that a batch waits at, a recorder of what happens, callers."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from app.serving.batcher import Batcher
from app.serving.curve import LatencyCurve
from app.serving.scheduler import Answers, Turn

# Batches of four cost little more than one: the batcher will want to fill them.
CHEAP_BATCHES = LatencyCurve({(1, 1): 0.01, (4, 1): 0.011, (8, 1): 0.02})


class Recorder:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, int]] = []
        self.events: list[tuple[str, Any]] = []

    def batch(self, rows: int, length: int, useful: float, seconds: float, queue_s: Sequence[float]) -> None:
        self.batches.append((rows, length))

    def traced(self, requests: Sequence[str], started: float, rows: int, length: int, error: str = "") -> str:
        self.events.append(("traced " + error, requests))
        return f"batch of {rows}"

    def refused(self, reason: str, rows: int) -> None:
        self.events.append(("refused " + reason, rows))

    def dropped(self, reason: str, rows: int) -> None:
        self.events.append(("dropped " + reason, rows))

    def failed(self, rows: int) -> None:
        self.events.append(("failed", rows))

    def worker_died(self) -> None:
        self.events.append(("worker died", 1))


class Gate:
    """A `run` that says when it has begun, and goes on when it is let."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.seen: list[list[Any]] = []

    def __call__(self, rows: Sequence[Any]) -> list[Any]:
        self.seen.append(list(rows))
        self.begun.release()
        assert self.go.acquire(timeout=5)
        return [f"answer to {row}" for row in rows]

    async def wait_until_it_runs(self) -> None:
        assert await asyncio.to_thread(self.begun.acquire, timeout=5)

    def let(self, batches: int = 1) -> None:
        self.go.release(batches)


def make(run: Callable[[Sequence[Any]], Any], **settings: Any) -> Batcher[Any, Any]:
    defaults = {"curve": CHEAP_BATCHES, "max_batch_size": 4, "max_queue_size": 64, "observer": Recorder()}
    return Batcher(run, **{**defaults, **settings})


def in_(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def submit(
    batcher: Batcher[Any, Any], rows: Sequence[Any], deadline: float, priority: int = 0, caller: str = ""
) -> Answers[Any]:
    return await batcher.submit(rows, Turn(deadline, priority, caller))


async def ask(batcher: Batcher[Any, Any], *rows: Any, seconds: float = 5.0) -> list[Any]:
    return (await submit(batcher, rows, in_(seconds))).values


def go(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 20))


def echo(rows: Sequence[Any]) -> list[Any]:
    return list(rows)


MANY = LatencyCurve({(n, 1): 0.01 * n for n in (1, 4)})


async def flood(batcher: Batcher[Any, Any], number: int = 20, caller: str = "many", **more: Any) -> asyncio.Task[Any]:
    """A request of `number` rows, which wait."""
    asked = asyncio.create_task(
        submit(batcher, [f"{caller} {i}" for i in range(number)], in_(60), caller=caller, **more)
    )
    await asyncio.sleep(0)
    return asked
