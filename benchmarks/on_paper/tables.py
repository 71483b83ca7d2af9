"""The tables of docs/scale.md, from measured costs and a few numbers that are assumed and said."""

import math
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from benchmarks.on_paper.fleet import Balancing, Work, arrivals, pods_of, served
from benchmarks.on_paper.measured import Kind, kinds, service
from benchmarks.on_paper.scaling import Autoscaler, mean_wait_s, share_of_cores

CORES = 2  # of a pod, as measured
REQUESTS = 60_000  # of each simulated load
BALANCINGS: Sequence[Balancing] = ("at random", "in turn", "the less busy of two")
FILLS = (0.5, 0.7, 0.8, 0.9, 0.95)
FILL, FULL = 0.7, 0.95  # busy cores on a usual day, and on the worst
ZONES = 3  # of which one may be lost
RATES = (100, 10_000, 1_000_000)

# Assumed, not measured.
NODE_CORES, NODE_CORES_FOR_US = 32, 30
CORE_HOUR = 0.04  # US dollars, the order of list prices of a virtual core with its memory
LINE_BYTES = 330  # of a request in the log, as JSON
DEADLINE_S = 0.5
BURST_S, CALM_S = 120.0, 20.0


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def number(value: float) -> str:
    """Two digits that say something, and commas between thousands."""
    if value == 0:
        return "0"
    digits = max(0, 1 - math.floor(math.log10(abs(value))))
    return f"{round(value, digits):,.{digits}f}" if value < 100 else f"{round(value, -len(str(int(value))) + 2):,.0f}"


def balancing(kind: Kind, pods: int = 10) -> str:
    """The 99th percentile of answers, by how full the cores are and how requests are spread."""

    def p99(way: Balancing, fill: float) -> str:
        chance, rate = Random(0), pods * CORES * fill / kind.work.mean_s
        times = arrivals(lambda now: rate, rate, REQUESTS / rate, chance)
        return ms(served(pods_of(pods, CORES), times, kind.work, chance, balancing=way).percentile(0.99))

    return table(
        ["requests go to the pods", *(f"cores {fill:.0%} busy" for fill in FILLS)],
        ([way, *(p99(way, fill) for fill in FILLS)] for way in BALANCINGS),
    )


def deaths(kind: Kind) -> str:
    """The requests that a dead pod costs, with and without a second try."""

    def row(pods: int) -> list[str]:
        rate = pods * CORES * FILL / kind.work.mean_s
        found = []
        for is_retried in (False, True):
            chance = Random(0)
            times = arrivals(lambda now: rate, rate, REQUESTS / rate, chance)
            dies_at = REQUESTS / rate / 2
            found.append(
                served(
                    pods_of(pods, CORES),
                    times,
                    kind.work,
                    chance,
                    deadline_s=DEADLINE_S,
                    dies_at=dies_at,
                    is_retried=is_retried,
                )
            )
        without, retried = found
        return [
            f"{pods}",
            f"{without.lost}",
            f"{retried.retried}",
            f"{len(retried.refused_at) / REQUESTS:.1%}",
            ms(retried.percentile(0.99)),
        ]

    return table(
        ["pods", "lost without a second try", "with one: tried again", "refused, for the half without it", "p99"],
        map(row, (2, 10, 100)),
    )


def bursts(work: Work, pods: int = 10) -> str:
    """Twice the usual requests within a moment: what is refused until there are more pods."""
    usual = pods * CORES * 0.6 / work.mean_s
    signals: dict[str, tuple[Callable[..., float], float]] = {
        "expected wait, target 50 ms": (mean_wait_s, 0.05),
        "busy cores, target .7": (share_of_cores, 0.7),
    }

    def row(signal: str, start_s: float) -> list[str]:
        chance, fleet = Random(0), pods_of(pods, CORES)
        metric, target = signals.get(signal, (mean_wait_s, math.inf))
        scale = Autoscaler(fleet, metric, target, start_s, most=4 * pods)
        times = arrivals(lambda now: usual if now < CALM_S else 2 * usual, 2 * usual, CALM_S + BURST_S, chance)
        outcome = served(fleet, times, work, chance, deadline_s=DEADLINE_S, before_each=scale)
        refused = len(outcome.refused_at)
        return [
            signal,
            f"{start_s:.0f} s" if signal in signals else "–",
            f"{refused / (len(outcome.latencies) + refused):.1%}",
            f"{outcome.refused_at[-1] - CALM_S:.0f} s" if refused else "–",
            ms(outcome.percentile(0.99)),
            f"{len(fleet)}",
        ]

    rows = [row("nothing", 0.0)]
    rows += [row(signal, start_s) for signal in signals for start_s in (service().start_s, 30.0, 120.0)]
    return table(
        ["scaled by", "a pod serves after", "refused", "the last one after", "p99 of answers", "pods at the end"], rows
    )


def sizes() -> str:
    """Pods, machines, money and bytes for each rate."""

    def row(kind: Kind, rate: int) -> list[str]:
        pods = pods_for(kind, rate)
        nodes = math.ceil(pods * CORES / NODE_CORES_FOR_US)
        in_gbit, out_gbit = (8e-9 * rate * size for size in (kind.request_bytes, kind.answer_bytes))
        return [
            kind.name,
            f"{rate:,}",
            number(rate * kind.work.mean_s),
            f"{pods:,}",
            f"{nodes:,}" if nodes > 1 else "1, or 3 small ones",
            f"{number(pods * service().memory_mb / 1000)} GB",
            f"{number(pods * CORES * CORE_HOUR)} $",
            f"{pods * CORES * CORE_HOUR / (rate * 3600) * 1e6:.2f} $",
            f"{number(in_gbit)} / {number(out_gbit)} Gbit/s",
            f"{number(rate * LINE_BYTES * 86_400 / 1e9)} GB",
        ]

    return table(
        [
            "kind", "requests/s", "cores that compute", "pods", "machines of 32", "memory", "an hour",
            "a million answers", "in / out", "log lines a day",
        ],
        (row(kind, rate) for kind in kinds() for rate in RATES),
    )  # fmt: skip


def pods_for(kind: Kind, rate: float) -> int:
    """Pods whose cores are FILL busy, and no more than FULL if one of ZONES is gone; at least one for each zone."""
    usual = math.ceil(rate * kind.work.mean_s / (CORES * FILL))
    left = math.ceil(rate * kind.work.mean_s / (CORES * FULL))
    return max(ZONES, usual, math.ceil(left * ZONES / (ZONES - 1)))
