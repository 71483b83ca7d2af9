"""The state of an application, as its replicas tell it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from prometheus_client.metrics_core import Metric

from app.fleet.table import Life
from app.serving.engine import Served
from app.telemetry import Statistics, sum_of

LONGEST_PAUSE_S = 60.0
MOST_SILENT = 16  # replicas of which it is remembered what they did, should they be heard of again
SILENT_S = 4.0  # after which a replica counts as gone: it tells of itself eight times as often


class Told:
    """The state of one application, as its replicas have told it."""

    def __init__(self) -> None:
        self.served: Served | None = None
        self.failure: tuple[str, bool] | None = None
        """Why one of them could not load the version, and whether that may pass."""
        self._news = asyncio.Event()
        self._lives: dict[str, Life] = {}
        self._heard: dict[str, float] = {}
        self._silent: dict[str, Statistics] = {}
        self._gone = Statistics()
        self._failures = 0

    def introduce(self, served: Served) -> None:
        self.served = served
        self._news.set()

    def fail(self, reason: str, may_pass: bool) -> float:
        """Return how many seconds a replica is to wait before it gives up, since Ray starts the next one at once.

        A version that was never live is ended instead, so it is 0. For one that is, it grows with each failure.
        """
        self.failure = reason, may_pass
        self._news.set()
        if self.served is None:
            return 0.0
        self._failures += 1
        return min(LONGEST_PAUSE_S, 2.0**self._failures)

    def tell(self, replica: str, life: Life) -> None:
        if replica not in self._lives:
            self._news.set()
            self._failures = 0
        self._silent.pop(replica, None)
        self._lives[replica] = life
        self._heard[replica] = time.monotonic()

    async def heard(self, timeout_s: float) -> None:
        """Return when there is something new, at the latest after so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), timeout_s)
        self._news.clear()

    @property
    def lives(self) -> Mapping[str, Life]:
        """Of the replicas that are there, by name. What others did is kept."""
        now = time.monotonic()
        for silent in [name for name, heard in self._heard.items() if now - heard > SILENT_S]:
            self._silent[silent] = self._lives.pop(silent).statistics
            del self._heard[silent]
        while len(self._silent) > MOST_SILENT:
            self._gone.add_all(self._silent.pop(next(iter(self._silent))))
        return self._lives

    @property
    def statistics(self) -> Statistics:
        """Return what all replicas have done since the version is live, also those that are gone."""
        lives = self.lives.values()
        return sum_of([self._gone, *self._silent.values(), *(life.statistics for life in lives)])

    @property
    def metrics(self) -> dict[str, Sequence[Metric]]:
        return {name: life.metrics for name, life in self.lives.items()}
