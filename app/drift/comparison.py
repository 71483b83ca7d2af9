"""The distance of what is counted now from what was counted at training."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import log
from typing import Literal, NamedTuple

from app.repository.reference import NumberBins, Reference

# Of a distribution that has not changed, the index is on average (bins - 1) (1 / now + 1 / then): with ten bins .06 for
# 200 answers beside 500, and above .2 once in a thousand times (Yurdakul 2018, "Statistical Properties of Population
# Stability Index").
LEAST_ANSWERS = 200
MODERATE, SHIFTED = 0.1, 0.2

Verdict = Literal["too few answers", "stable", "moderate", "shifted"]


class MeasuredDrift(NamedTuple):
    """A measure over the latest `answers`. `psi` is None of too few; `ks` also of names, which have no order."""

    measure: str
    answers: int
    psi: float | None
    ks: float | None

    @property
    def verdict(self) -> Verdict:
        """The usual words for the population stability index, a convention of credit scoring and no test.

        Below .1 little has changed, from .1 on something has, above .2 so much that somebody should look (Siddiqi 2006,
        "Credit Risk Scorecards", which says .25; Lewis 1994, "An Introduction to Credit Scoring").
        """
        if self.psi is None:
            return "too few answers"
        return "stable" if self.psi < MODERATE else "moderate" if self.psi <= SHIFTED else "shifted"


def drift_of(reference: Reference, now: Mapping[str, Sequence[int]]) -> list[MeasuredDrift]:
    """Compare what was counted `now`, by measure, with the reference."""
    found = []
    for name, bins in reference.measures.items():
        counts = now.get(name, ())
        answers = sum(counts)
        is_enough = answers >= LEAST_ANSWERS and len(counts) == len(bins.counts)
        psi = stability_index(bins.counts, counts) if is_enough else None
        ks = largest_gap(bins.counts, counts) if is_enough and isinstance(bins, NumberBins) else None
        found.append(MeasuredDrift(name, answers, psi, ks))
    return found


def stability_index(then: Sequence[int], now: Sequence[int]) -> float:
    """Return the population stability index, sum (q - p) ln(q / p) over the shares p of `then` and q of `now`.

    A bin that is empty on one side counts as half an answer of the smaller sample on both, or it would be infinite.
    """
    of_then, of_now = sum(then), sum(now)
    least = 0.5 / min(of_then, of_now)
    index = 0.0
    for one, other in zip(then, now, strict=True):
        p, q = max(one / of_then, least), max(other / of_now, least)
        index += (q - p) * log(q / p)
    return index


def largest_gap(then: Sequence[int], now: Sequence[int]) -> float:
    """Return the statistic of Kolmogorov and Smirnov, the largest difference of the shares up to an edge.

    The largest between the edges may be larger: it is a lower bound of what all numbers would give.
    """
    of_then, of_now = sum(then), sum(now)
    return max(
        abs(one / of_then - other / of_now) for one, other in zip(accumulate(then), accumulate(now), strict=True)
    )
