"""A machine of some cores on paper: threads that share them, locks, and threads that do one thing after another.

Threads of the first class go before those of the second, as the event loop goes before what computes (niceness); within
a class all that run share what there is alike. Times are in seconds.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count

Then = Callable[[], None]
FIRST, SECOND = 0, 1


class Machine:
    """Runs work on its cores, and what is due at a time."""

    def __init__(self, cores: int) -> None:
        self.now = self.used_s = 0.0
        self._cores = cores
        self._due: list[tuple[float, int, Then]] = []
        # Of each class, what runs by the work at which it ends, counted as done by each thread of the class.
        self._running: tuple[list[tuple[float, int, Then]], ...] = ([], [])
        self._done = [0.0, 0.0]
        self._numbers = count()

    def at(self, when: float, then: Then) -> None:
        heapq.heappush(self._due, (when, next(self._numbers), then))

    def work(self, seconds: float, then: Then, kind: int = FIRST) -> None:
        """Let one thread use a core for `seconds`."""
        heapq.heappush(self._running[kind], (self._done[kind] + seconds, next(self._numbers), then))

    def run(self, until: Callable[[], bool]) -> None:
        """Go on until nothing is left, or `until` says so."""
        while not until() and self._step():
            pass

    def _speeds(self) -> tuple[float, float]:
        first, second = map(len, self._running)
        left = max(0, self._cores - first)
        return min(1.0, self._cores / max(1, first)), min(1.0, left / max(1, second))

    def _step(self) -> bool:
        speeds = self._speeds()
        soonest, kind = math.inf, FIRST
        for each in (FIRST, SECOND):
            if self._running[each] and speeds[each]:
                left = (self._running[each][0][0] - self._done[each]) / speeds[each]
                if left < soonest:
                    soonest, kind = left, each
        is_due = bool(self._due) and self._due[0][0] <= self.now + soonest
        if not is_due and soonest == math.inf:
            return False
        passed = max(0.0, self._due[0][0] - self.now) if is_due else soonest
        for each in (FIRST, SECOND):
            self._done[each] += passed * speeds[each]
            self.used_s += passed * speeds[each] * len(self._running[each])
        self.now += passed
        _, _, then = heapq.heappop(self._due if is_due else self._running[kind])
        then()
        return True


class Lock:
    """Held by one at a time, in the order in which they asked: the lock of one interpreter."""

    def __init__(self, machine: Machine) -> None:
        self.busy_s = 0.0
        self._machine = machine
        self._waiting: deque[Then] = deque()
        self._since: float | None = None

    def acquire(self, then: Then) -> None:
        if self._since is None:
            self._since = self._machine.now
            then()
        else:
            self._waiting.append(then)

    def release(self) -> None:
        assert self._since is not None
        self.busy_s += self._machine.now - self._since
        self._since = None
        if self._waiting:
            self.acquire(self._waiting.popleft())


Part = tuple[float, Lock | None]
"""Seconds of a core, and the lock that is held meanwhile."""


def done(machine: Machine, parts: Sequence[Part], then: Then, kind: int = FIRST) -> None:
    """Let one thread do the parts, one after another."""
    if not parts:
        return then()
    (seconds, lock), rest = parts[0], parts[1:]

    def go_on() -> None:
        if lock:
            lock.release()
        done(machine, rest, then, kind)

    if lock is None:
        machine.work(seconds, go_on, kind)
    else:
        lock.acquire(lambda: machine.work(seconds, go_on, kind))
    return None


class Threads:
    """Some threads with one line of jobs; one thread is an event loop."""

    def __init__(self, machine: Machine, number: int = 1, kind: int = FIRST) -> None:
        self.busy_s = 0.0
        self.number = number
        self._machine, self._idle, self._kind = machine, number, kind
        self._waiting: deque[tuple[Sequence[Part], Then]] = deque()

    def do(self, parts: Sequence[Part], then: Then) -> None:
        self._waiting.append((parts, then))
        if self._idle:
            self._idle -= 1
            self._next()

    def _next(self) -> None:
        parts, then = self._waiting.popleft()
        began = self._machine.now

        def go_on() -> None:
            self.busy_s += self._machine.now - began
            then()
            if self._waiting:
                self._next()
            else:
                self._idle += 1

        done(self._machine, parts, go_on, self._kind)
