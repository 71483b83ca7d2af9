"""Layouts of one service on one machine, request by request: one process, or fronts before one that computes.

Several whole processes need no simulation of their own: at random arrivals, each of them is one process with its share
of the cores and of the requests.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import NamedTuple

from benchmarks.on_paper.cores import SECOND, Lock, Machine, Part, Threads, done

IN_FLIGHT = 12  # requests for each core, at saturation
ROUNDS = 3  # of all that are in flight, at least, are answered then: they come in waves
FULL = 0.97  # of a thread or of all cores, from where on it is what limits


class Cost(NamedTuple):
    """Seconds of a core. Those of the loop are for a request in and out, and for a batch; `system` is their share
    without the interpreter's lock. `graph` is for a row, by rows in a batch.

    `engine` is the part of the loop that no front can take, also for a request and for a batch; `front` and `compute`
    are what handing over costs on both sides.
    """

    name: str
    request: float
    batch: float = 0.0
    system: float = 0.0
    pool_python: float = 0.0
    pool: float = 0.0
    log: float = 0.0
    lane_row: float = 0.0
    lane_batch: float = 0.0
    graph: Mapping[int, float] = {1: 0.0}
    sigma: float = 0.0
    engine_request: float = 0.0
    engine_batch: float = 0.0
    front: float = 0.0
    compute: float = 0.0

    @property
    def best_rows(self) -> int:
        return min(self.graph, key=lambda rows: self.graph[rows])

    def row_s(self, rows: int) -> float:
        """Seconds of a row in a batch of so many, as one of the measured size below."""
        return self.graph[max(size for size in self.graph if size <= rows)]


class Found(NamedTuple):
    """Answers a second, latencies in order, and what was busy for which share of the time."""

    rate: float
    latencies: list[float]
    busy: dict[str, float]

    def percentile(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]

    @property
    def limit(self) -> str:
        """Return what was full: the first of these, or the busiest."""
        busiest = max(self.busy, key=self.busy.__getitem__)
        return next((name for name, share in self.busy.items() if share >= FULL), busiest)


class Front:
    """A process that parses and encodes: a loop, the threads that decode, the log."""

    def __init__(self, machine: Machine, cost: Cost, loop_s: float, cores: int) -> None:
        """`loop_s` is the time of its loop for a request."""
        self.lock = Lock(machine)
        self.loop, self.pool = Threads(machine), Threads(machine, cores, SECOND)
        self._log = Threads(machine)
        self._cost, self._loop_s = cost, loop_s

    def parts(self, seconds: float) -> list[Part]:
        system = seconds * self._cost.system
        return [part for part in ((seconds - system, self.lock), (system, None)) if part[0]]

    def read(self, then: Callable[[], None]) -> None:
        """Half of the loop's time is before the queue, half after it."""
        cost = self._cost

        def decode() -> None:
            if cost.pool or cost.pool_python:
                self.pool.do([(cost.pool_python, self.lock), (cost.pool, None)], then)
            else:
                then()

        self.loop.do(self.parts(self._loop_s / 2), decode)

    def answer(self, then: Callable[[], None]) -> None:
        self.loop.do(self.parts(self._loop_s / 2), then)
        if self._cost.log:
            self._log.do([(self._cost.log, self.lock)], lambda: None)


class Queue:
    """The rows that wait for a lane, and the lanes, one for each core; `batch_s` is what the loop does for a batch."""

    def __init__(
        self, machine: Machine, cost: Cost, front: Front, batch_s: float, cores: int, slower: float, chance: Random
    ) -> None:
        self._machine, self._cost, self._front = machine, cost, front
        self._batch_s, self._slower, self._chance = batch_s, slower, chance
        self._lanes = self._idle = cores
        self._waiting: deque[Callable[[], None]] = deque()

    def put(self, then: Callable[[], None]) -> None:
        self._waiting.append(then)
        self._begin()

    def _begin(self) -> None:
        while self._waiting and self._idle:
            share = math.ceil(len(self._waiting) / self._idle)
            rows = min(share, self._cost.best_rows)
            batch = [self._waiting.popleft() for _ in range(rows)]
            self._idle -= 1
            self._compute(batch)

    def _compute(self, batch: list[Callable[[], None]]) -> None:
        cost, rows = self._cost, len(batch)
        sigma = cost.sigma
        spread = math.exp(sigma * self._chance.gauss(0.0, 1.0) - sigma**2 / 2) if sigma else 1.0
        graph_s = rows * cost.row_s(rows) * spread * self._slower
        python_s = cost.lane_batch + rows * cost.lane_row

        def told() -> None:
            self._idle += 1
            for then in batch:
                then()
            self._begin()

        def computed() -> None:
            self._front.loop.do(self._front.parts(self._batch_s), told)

        done(self._machine, [(python_s, self._front.lock), (graph_s, None)], computed, SECOND)


def simulated(
    cost: Cost,
    cores: int,
    *,
    fronts: int = 0,
    slower: float = 1.0,
    rate: float | None = None,
    requests: int = 8000,
    seed: int = 0,
) -> Found:
    """One process, or with `fronts` so many before it. Without a `rate` there are always IN_FLIGHT for each core."""
    machine, chance = Machine(cores), Random(seed)
    latencies: list[float] = []
    in_flight = max(48, IN_FLIGHT * cores) if rate is None else 0
    requests = max(requests, ROUNDS * in_flight)
    settled = [0.0]  # when as many were answered as were there at the beginning
    if fronts:
        taken = max(0.0, cost.request - cost.engine_request) + cost.front
        own = Front(machine, cost, cost.engine_request + cost.compute, cores)
        queue = Queue(machine, cost, own, cost.engine_batch, cores, slower, chance)
        before = [Front(machine, cost, taken, cores) for _ in range(fronts)]
    else:
        own = Front(machine, cost, cost.request, cores)
        queue = Queue(machine, cost, own, cost.batch, cores, slower, chance)
        before = []

    def ask() -> None:
        came = machine.now

        def answered() -> None:
            latencies.append(machine.now - came)
            if len(latencies) == in_flight:
                settled[0] = machine.now
            if rate is None:
                ask()

        if not before:
            return own.read(lambda: queue.put(lambda: own.answer(answered)))
        front = before[chance.randrange(len(before))]
        hand = partial(own.loop.do, own.parts((cost.engine_request + cost.compute) / 2))
        return front.read(lambda: hand(lambda: queue.put(lambda: hand(lambda: front.answer(answered)))))

    if rate is None:
        for _ in range(in_flight):
            ask()
    else:
        when = 0.0
        for _ in range(requests):
            when += chance.expovariate(rate)
            machine.at(when, ask)
    machine.run(lambda: len(latencies) >= in_flight + requests)
    spent = machine.now
    busy = {"cores": machine.used_s / (spent * cores), "loop": own.loop.busy_s / spent, "lock": own.lock.busy_s / spent}
    if before:
        busy["fronts"] = max(one.loop.busy_s for one in before) / spent
    return Found((len(latencies) - in_flight) / (spent - settled[0]), sorted(latencies), busy)
