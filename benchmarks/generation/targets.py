"""The figures to reach: each in one line, as ratios within one round."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Round = Mapping[str, Mapping[str, Any]]
"""Figures of one round of one scenario, by server."""

TRANSFORMERS = ("transformers-fp32", "transformers-bf16")


@dataclass(frozen=True, slots=True)
class Target:
    """`figure` of ours beside the best of `others`; of ours alone if there are none.

    `is_least`: the bound is a minimum, and of the others the largest figure is the best.
    """

    scenario: str
    figure: str
    bound: float
    is_least: bool
    others: tuple[str, ...] = ()

    def in_round(self, found: Round) -> float | None:
        """None where something is missing."""
        own = found.get("ours", {}).get(self.figure)
        if own is None or not self.others:
            return own
        theirs = [value for name in self.others if (value := found.get(name, {}).get(self.figure))]
        if not theirs:
            return None
        return float(own / (max(theirs) if self.is_least else min(theirs)))

    def is_reached(self, value: float) -> bool:
        return value >= self.bound if self.is_least else value <= self.bound


def _against(*others: str, alone: float, even: float, mixed: float) -> tuple[Target, ...]:
    bounds = {"alone": alone, "even": even, "mixed": mixed}
    return tuple(
        Target(name, "tokens_s", bound, is_least=True, others=others) for name, bound in bounds.items() if bound
    )


TARGETS = (
    *_against(*TRANSFORMERS, alone=0, even=2.5, mixed=3.0),
    Target("mixed", "ttft_p95_ms", 0.2, is_least=False, others=TRANSFORMERS),
    *_against("llama-server", alone=0.9, even=1.5, mixed=1.5),
    Target("arrival", "itl_p99_ms", 0.5, is_least=False, others=("llama-server",)),
    *_against("openvino", alone=0, even=1.0, mixed=1.0),
    *_against("vllm", alone=0, even=1.0, mixed=1.0),
    *_against("ctranslate2", alone=0, even=1.8, mixed=1.8),
    *_against("genai", alone=0, even=1.5, mixed=1.5),
    Target("mixed", "ttft_p95_ms", 0.25, is_least=False, others=("genai",)),
    Target("prefix", "warm_share", 0.2, is_least=False),
    Target("hangups", "others_ratio", 1.25, is_least=True),
    Target("overload", "goodput_share", 0.9, is_least=True),
    Target("overload", "refusal_p99_ms", 10.0, is_least=False),
    Target("beside", "p99_ratio", 3.0, is_least=False),
    Target("soak", "growth", 0.02, is_least=False),
)
