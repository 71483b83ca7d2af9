"""The targets that we want to reach, each in one line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.servers import SERVERS

Found = dict[str, dict[str, Any]]
"""Of one round of one scenario: figures by server and case."""

PEERS = tuple(server.name for server in SERVERS if server.family != "ours")
BATCHING_PEERS = tuple(server.name for server in SERVERS if server.batch_size > 1)
MOSEC = tuple(server.name for server in SERVERS if server.family == "mosec")
RAW = ("raw",)
RATES = ("throughput", "goodput", "saturation")


@dataclass(frozen=True, slots=True)
class Target:
    """`figure` of ours in `case` of `scenario`, beside the best of `others` (in `their_cases` of `their_scenario`).

    `how` the two are compared: their ratio, their difference, or ours alone. `is_least`: the bound is a minimum.
    `best_by`: the figure by which the best of the others is chosen, if it is another.
    """

    scenario: str
    case: str
    figure: str
    bound: float
    is_least: bool
    says: str
    how: Literal["ratio", "difference", "alone"] = "ratio"
    others: tuple[str, ...] = ()
    their_scenario: str = ""
    their_cases: tuple[str, ...] = ()
    best_by: str = ""

    def in_round(self, ours: Found, theirs: Found) -> float | None:
        """None where something is missing."""
        own = figure_of(ours, "ours", self.case, self.figure)
        if own is None or self.how == "alone":
            return own
        best = best_of(theirs, self.others, self.their_cases or (self.case,), self.figure, self.best_by)
        if best is None:
            return None
        return own / best[1] if self.how == "ratio" else own - best[1]

    def is_reached(self, value: float) -> bool:
        return value >= self.bound if self.is_least else value <= self.bound


def figure_of(found: Found, server: str, case: str, figure: str) -> float | None:
    value = found.get(server, {}).get(case, {})
    return value.get(figure) if isinstance(value, dict) else None


def best_of(
    found: Found, servers: Sequence[str], cases: Sequence[str], figure: str, by: str = ""
) -> tuple[str, float] | None:
    """Who of `servers` is best in any of `cases`, and its `figure`: by the highest rate, or the lowest of others."""
    by = by or figure
    ranked = [
        (rank, server, value)
        for server in servers
        for case in cases
        if (rank := figure_of(found, server, case, by)) is not None
        and (value := figure_of(found, server, case, figure)) is not None
    ]
    pick: Callable[[list[tuple[float, str, float]]], tuple[float, str, float]] = max if by in RATES else min
    return pick(ranked)[1:] if ranked else None


def _at_least(scenario: str, case: str, bound: float, says: str, others: tuple[str, ...], **more: Any) -> Target:
    return Target(scenario, case, "throughput", bound, True, says, others=others, **more)


def _at_most(scenario: str, case: str, figure: str, bound: float, says: str, **more: Any) -> Target:
    return Target(scenario, case, figure, bound, False, says, **more)


def _photos(scenario: str, bound: float) -> tuple[Target, ...]:
    """A peer may take photos in whichever form suits it."""
    either = {"their_scenario": "photo", "their_cases": ("raw c=16", "multipart c=16")}
    return tuple(
        _at_least(scenario, case, bound, f"≥ {bound} × best peer", PEERS, **either) for case in either["their_cases"]
    )


OWN_RATE, PEER_RATE = "0.8 of its own saturation", "0.8 of the best peer's saturation"
TWICE = "2 of its own saturation"
# A server that batches badly has little to do at 0.8 of its own saturation: the best is who answers most.
P99: dict[str, Any] = {"others": PEERS, "their_cases": (OWN_RATE,), "best_by": "saturation"}
TARGETS = (
    _at_least("short", "c=64", 1.0, "≥ mosec", MOSEC),
    _at_least("short", "c=64", 0.97, "≥ 0.97 × raw", RAW, their_cases=("best batch",)),
    _at_most(
        "short", "c=1", "p50_ms", 1.2, "p50 ≤ raw + 1.2 ms", how="difference", others=RAW, their_cases=("batch 1",)
    ),
    _at_least("mixed", "c=64", 1.25, "≥ 1.25 × best peer", PEERS),
    _at_least("mixed", "c=64", 3.0, "≥ 3 × best batching peer", BATCHING_PEERS),
    _at_least("mixed", "c=64", 0.92, "≥ 0.92 × raw sorted", RAW, their_cases=("sorted by length",)),
    _at_most("latency", OWN_RATE, "p99_ms", 0.5, "p99 ≤ 0.5 × best peer's", **P99),
    _at_most("latency", PEER_RATE, "p99_ms", 0.5, "p99 ≤ 0.5 × best peer's", **P99),
    _at_least("mixed-served", "c=64", 3.5, "≥ 3.5 × best peer with fp32", PEERS, their_scenario="mixed"),
    *_photos("photo", 1.3),
    *_photos("photo-served", 2.2),
    Target("overload", TWICE, "goodput_share", 0.95, True, "goodput ≥ 0.95 of saturation", how="alone"),
    _at_most("overload", TWICE, "refusal_max_ms", 20, "refusals ≤ 20 ms", how="alone"),
    _at_most("overload", TWICE, "late", 0, "none late", how="alone"),
    _at_most("startup", "start", "ready_s", 5, "all ready ≤ 5 s", how="alone"),
    _at_most("startup", "start", "first_model_s", 2, "first model ≤ 2 s", how="alone"),
    _at_most("startup", "start", "beyond_weights_mb", 300, "memory ≤ weights + 300 MB", how="alone"),
    _at_most("soak", "soak", "growth_size", 0.02, "memory within 2 %", how="alone"),
)
