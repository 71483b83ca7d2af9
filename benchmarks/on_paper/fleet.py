"""Many pods behind a balancer, request by request: who waits, who is refused, and what a dead pod costs.

Each pod has one line for all its cores, as a batcher has; batches are not simulated, but are in the measured cost of an
answer. Times are in seconds.
"""

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal, NamedTuple

Balancing = Literal["in turn", "at random", "the less busy of two"]


class Work(NamedTuple):
    """The seconds of a core that an answer costs: their mean, and the sigma of a lognormal distribution."""

    mean_s: float
    sigma: float = 0.0

    def drawn(self, chance: Random) -> float:
        return self.mean_s * math.exp(self.sigma * chance.gauss(0.0, 1.0) - self.sigma**2 / 2)


@dataclass(slots=True, eq=False)
class Pod:
    """`free_at`: when each core is, as a heap; `ends`: when each request that is in it ends, with its number, too."""

    free_at: list[float]
    ends: list[tuple[float, int]] = field(default_factory=list)

    def in_flight(self, now: float) -> int:
        while self.ends and self.ends[0][0] <= now:
            heapq.heappop(self.ends)
        return len(self.ends)

    def wait_s(self, now: float) -> float:
        return max(0.0, self.free_at[0] - now)

    def take(self, request: int, now: float, seconds: float) -> float:
        """Return when it will have been answered."""
        end = max(now, self.free_at[0]) + seconds
        heapq.heapreplace(self.free_at, end)
        heapq.heappush(self.ends, (end, request))
        return end


@dataclass(slots=True)
class Outcome:
    """`latencies` of what was answered, when requests were refused, and how many a dead pod lost."""

    latencies: list[float] = field(default_factory=list)
    refused_at: list[float] = field(default_factory=list)
    lost: int = 0
    retried: int = 0

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def pods_of(number: int, cores: int, now: float = 0.0) -> list[Pod]:
    return [Pod([now] * cores) for _ in range(number)]


def arrivals(rate: Callable[[float], float], most: float, seconds: float, chance: Random) -> Iterator[float]:
    """Times of random arrivals at `rate` a second, which may change but never exceeds `most` (thinning)."""
    now = 0.0
    while (now := now + chance.expovariate(most)) < seconds:
        if chance.random() * most < rate(now):
            yield now


def chosen(pods: Sequence[Pod], balancing: Balancing, turn: int, now: float, chance: Random) -> Pod:
    if balancing == "in turn":
        return pods[turn % len(pods)]
    one = pods[chance.randrange(len(pods))]
    if balancing == "at random":
        return one
    other = pods[chance.randrange(len(pods))]
    return min(one, other, key=lambda pod: pod.in_flight(now))


def served(
    pods: list[Pod],
    times: Iterator[float],
    work: Work,
    chance: Random,
    *,
    balancing: Balancing = "the less busy of two",
    deadline_s: float = math.inf,
    dies_at: float = math.inf,
    is_retried: bool = True,
    before_each: Callable[[float], None] = lambda now: None,
) -> Outcome:
    """Answer requests. At `dies_at` the first pod is gone; what was in it is sent again, if `is_retried`, or lost.

    A request is refused where it would have to wait longer than `deadline_s`. `before_each` may change `pods`.
    """
    outcome, came, answered = Outcome(), dict[int, float](), dict[int, float]()

    def ask(request: int, now: float) -> None:
        pod = chosen(pods, balancing, request, now, chance)
        if now - came[request] + pod.wait_s(now) > deadline_s:
            outcome.refused_at.append(now)
        else:
            answered[request] = pod.take(request, now, work.drawn(chance))

    for number, now in enumerate(times):
        if now >= dies_at:
            dead, dies_at = pods.pop(0), math.inf
            dead.in_flight(now)
            for _, request in sorted(dead.ends):
                del answered[request]
                if is_retried:
                    outcome.retried += 1
                    ask(request, now)
                else:
                    outcome.lost += 1
        before_each(now)
        came[number] = now
        ask(number, now)
    outcome.latencies = [end - came[request] for request, end in answered.items()]
    return outcome
