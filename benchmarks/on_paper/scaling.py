"""Kubernetes' horizontal autoscaler on paper: `ceil(replicas x metric / target)`, four pods or as many again at a time.

The rules are those of autoscaling/v2 with its defaults: a look every 15 s, a tolerance of a tenth, at most double or
four more pods within 15 s; less pods only after five minutes, which is longer than anything here.
"""

import math
from collections.abc import Callable

from benchmarks.on_paper.fleet import Pod, pods_of

LOOK_EVERY_S, TOLERANCE, AT_LEAST_MORE = 15.0, 0.1, 4


class Autoscaler:
    """Adds pods to `pods`, which serve `start_s` after they were asked for; `metric` is read of all pods."""

    def __init__(
        self, pods: list[Pod], metric: Callable[[list[Pod], float], float], target: float, start_s: float, most: int
    ) -> None:
        self._pods = pods
        self._metric = metric
        self._target = target
        self._start_s = start_s
        self._most = most
        self._cores = len(pods[0].free_at)
        self._look_at = LOOK_EVERY_S
        self._coming: list[float] = []

    def __call__(self, now: float) -> None:
        while self._coming and self._coming[0] <= now:
            self._pods.extend(pods_of(1, self._cores, self._coming.pop(0)))
        if now < self._look_at:
            return
        self._look_at += LOOK_EVERY_S
        ratio = self._metric(self._pods, now) / self._target
        if ratio <= 1 + TOLERANCE:
            return
        number = len(self._pods) + len(self._coming)
        wanted = min(math.ceil(len(self._pods) * ratio), max(2 * number, number + AT_LEAST_MORE), self._most)
        self._coming += [now + self._start_s] * (wanted - number)


def mean_wait_s(pods: list[Pod], now: float) -> float:
    """The expected wait of a request that comes now."""
    return sum(pod.wait_s(now) for pod in pods) / len(pods)


def share_of_cores(pods: list[Pod], now: float) -> float:
    """The share of the cores that compute."""
    busy = sum(free > now for pod in pods for free in pod.free_at)
    return busy / sum(len(pod.free_at) for pod in pods)
