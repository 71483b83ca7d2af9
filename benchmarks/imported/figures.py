"""The figures of rounds: medians, ranges, and ratios within a round. Knows no servers."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.load import quantile
from benchmarks.translation.figures import spread


class Took(NamedTuple):
    """Of a load: right answers a second, p50 and p99 in ms, and how many answers were wrong, or did not come."""

    texts_s: float
    p50: float
    p99: float
    wrong: int


Rounds = Mapping[str, Sequence[Took]]
"""By server, one for each round."""


def took(right: Sequence[bool], at: Sequence[float], latencies: Sequence[float], seconds: float) -> Took:
    """The figures of a load of `seconds`: whether each answer is right, when it came, and how long it took."""
    in_time = sum(is_right and when <= seconds for is_right, when in zip(right, at, strict=True))
    p50, p99 = (quantile(latencies, share) or 0.0 for share in (0.5, 0.99))
    return Took(in_time / seconds, p50, p99, len(right) - sum(right))


def ratios(ours: Sequence[Took], other: Sequence[Took]) -> list[float]:
    """Ours beside another, of each round; none of a round in which the other answered nothing."""
    return [one.texts_s / its.texts_s for one, its in zip(ours, other, strict=False) if its.texts_s]


def table(rounds: Rounds, ours: str) -> str:
    """Markdown, with ours beside each of the others."""
    lines = ["| | texts/s | p50, ms | p99, ms | wrong | ours beside it |", "|---|---|---|---|---|---|"]
    for name, each in rounds.items():
        beside = ratios(rounds.get(ours, ()), each) if name != ours else []
        cells = [
            spread([one.texts_s for one in each], 1),
            spread([one.p50 for one in each]),
            spread([one.p99 for one in each]),
            str(sum(one.wrong for one in each)),
            f"{spread(beside, 2)}" if beside else "",
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
