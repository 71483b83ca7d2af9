"""From what was measured of many answers to the reference of a manifest: bins, and how much lies in each."""

from collections import Counter
from collections.abc import Sequence
from math import inf, isfinite, nextafter

import numpy as np

from app.drift.measures import Measured
from app.repository.reference import LONGEST_MEASURE, MOST_MEASURES, Bins, NameBins, NumberBins, Reference, rounded

MOST_BINS = 10
LEAST_IN_A_BIN = 20  # on average: of few, the index of what has not changed would be large
LEAST_ANSWERS = 100  # to tell a distribution from


def reference_of(measured: Sequence[Measured], dataset: str, split: str) -> Reference | None:
    """Return the reference of answers, from what was measured of each; None of too few.

    What was measured of few of them is left out.
    """
    values: dict[str, list[float | str]] = {}
    for one in measured:
        for name, value in one.items():
            if isinstance(value, str) or isfinite(value):
                values.setdefault(name, []).append(value)
    found = {name: _bins(those) for name, those in values.items() if len(those) >= LEAST_ANSWERS}
    kept = [name for name in found if len(name) <= LONGEST_MEASURE][:MOST_MEASURES]
    if not kept:
        return None
    return Reference(dataset=dataset, split=split, answers=len(measured), measures={name: found[name] for name in kept})


def _bins(values: Sequence[float | str]) -> Bins:
    most = min(MOST_BINS, len(values) // LEAST_IN_A_BIN)
    if isinstance(values[0], str):
        names = tuple(name for name, _ in Counter(map(str, values)).most_common(most - 1))
        return NameBins(names=names, counts=_counts(NameBins(names=names, counts=(1,) * (len(names) + 1)), values))
    edges = _edges([rounded(float(value)) for value in values], most)
    return NumberBins(edges=edges, counts=_counts(NumberBins(edges=edges, counts=(1,) * (len(edges) + 1)), values))


def _counts(bins: Bins, values: Sequence[float | str]) -> tuple[int, ...]:
    return tuple(np.bincount([bins.bin_of(value) for value in values], minlength=len(bins.counts)).tolist())


def _edges(numbers: Sequence[float], most: int) -> tuple[float, ...]:
    """The deciles, or those of `most` parts. A number that is several of them has a bin of its own.

    Neither the least nor the largest is an edge unless one in ten is it: everybody may read a manifest.
    """
    parts = np.quantile(numbers, np.arange(most + 1) / most, method="inverted_cdf").tolist()
    often = {one for one, times in Counter(parts).items() if times > 1}
    return tuple(sorted({*parts[1:-1], *often, *(nextafter(one, -inf) for one in often)}))
