"""The figures of rounds: medians, ranges, and ratios within a round. Knows no servers."""

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.load import quantile


class Took(NamedTuple):
    """Of a load: tokens of its right answers, seconds, those of all the server's threads, and seconds of each request.

    `wrong`: answers that are not right, or did not come.
    """

    tokens: int
    wall_s: float
    cpu_s: float
    latencies: tuple[float, ...]
    wrong: int

    @property
    def tokens_s(self) -> float:
        return self.tokens / self.wall_s

    @property
    def tokens_cpu_s(self) -> float:
        """Tokens for a second of a core: what else the machine does falls on it less."""
        return self.tokens / self.cpu_s if self.cpu_s else 0.0


Rounds = Mapping[str, Sequence[Took]]
"""By server, one for each round."""


def ratios(found: Rounds, ours: str, others: Sequence[str], figure: str) -> list[float]:
    """Of each round, ours beside the best of the others."""
    return [
        getattr(own, figure) / max(getattr(found[other][number], figure) for other in others)
        for number, own in enumerate(found[ours])
    ]


def table(found: Rounds) -> str:
    lines = ["| | tokens/s | tokens for a second of a core | p50, ms | p95, ms | wrong |", "|---|---|---|---|---|---|"]
    for name, rounds in found.items():
        cells = [
            spread([one.tokens_s for one in rounds]),
            spread([one.tokens_cpu_s for one in rounds]),
            *(spread([quantile(one.latencies, share) or 0.0 for one in rounds]) for share in (0.5, 0.95)),
            str(sum(one.wrong for one in rounds)),
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def spread(numbers: Sequence[float], digits: int = 0) -> str:
    """The median with the range."""
    return f"{statistics.median(numbers):.{digits}f} ({min(numbers):.{digits}f}-{max(numbers):.{digits}f})"
