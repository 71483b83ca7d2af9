"""From which confidence on a small model may answer before a large one is asked, and what that costs and loses.

Wang, Kondratyuk, Christiansen, Kitani, Alon and Eban, "Wisdom of Committees", 2022, https://arxiv.org/abs/2012.01988.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.measures.intervals import Values

DIGITS = 4  # of a threshold, where that many tell it from the confidences around it
LOST = 1e-12  # of a loss: rounding of sums
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class AskedBoth:
    """Samples that both models were asked: how sure the small one is of its answer, and 1 for each answer that is
    right, 0 for each that is not. `strata` int [samples]: accuracy is the mean of their means."""

    confidence: Values
    small: Values
    large: Values
    strata: npt.NDArray[np.integer]

    @property
    def weights(self) -> Values:
        """The part of each sample in the accuracy, of the sum 1."""
        _, place, count = np.unique(self.strata, return_inverse=True, return_counts=True)
        return np.asarray(1 / (count[place] * len(count)), np.float64)

    def answered(self, enough: float) -> Mask:
        """Samples that the small one answers."""
        return np.asarray(self.confidence >= enough)

    def cascade(self, enough: float) -> Values:
        return np.where(self.answered(enough), self.small, self.large)


@dataclass(frozen=True, slots=True)
class CostCurve:
    """The cost and accuracy of a cascade at each of its thresholds, from the surest down: fp64 [thresholds] each.

    The first one lets nothing be answered by the small model, and is beyond every confidence.
    """

    enough: Values
    goes_on: Values
    accuracy: Values


def curve_of(asked: AskedBoth) -> CostCurve:
    """The shares are of samples, and the accuracy is that of the strata; samples that are as sure go together."""
    order = np.argsort(-asked.confidence, kind="stable")
    sure = asked.confidence[order]
    last = np.append(sure[1:] != sure[:-1], True)  # of those that are as sure
    gained = np.cumsum(((asked.small - asked.large) * asked.weights)[order])[last]
    answered = (np.flatnonzero(last) + 1) / len(sure)
    large = float(asked.large @ asked.weights)
    return CostCurve(np.append(np.inf, sure[last]), np.append(1.0, 1 - answered), np.append(large, large + gained))


def choose(asked: AskedBoth, loss: float) -> float | None:
    """The least threshold of which no cascade that is as careful, or more, loses more than `loss` of the accuracy.

    Going down from the surest it stops where more is lost, and does not look for luck beyond. None if it stops before
    the first answer. It lies between the confidences on its two sides, as a graph's last digits differ by processor.
    """
    curve = curve_of(asked)
    is_within = curve.accuracy >= curve.accuracy[0] - loss - LOST
    number = len(is_within) if is_within.all() else int(is_within.argmin())
    if number == 1:
        return None
    lowest, kept = (curve.enough[number] if number < len(curve.enough) else 0.0), curve.enough[number - 1]
    between = round((lowest + kept) / 2, DIGITS) if number < len(curve.enough) else np.floor(kept * 1e4) / 1e4
    return float(between) if max(lowest, 0) < between <= kept else float(kept)


def seconds_a_row(
    ways: Mapping[str, Callable[[Sequence[int]], object]], chunks: Sequence[Sequence[int]], rounds: int
) -> dict[str, float]:
    """Seconds of one sample by each way, of which each computes chunks of samples, by their numbers.

    All take turns, since the machine may be busy: the median of the rounds, and of that the mean over chunks.
    """
    taken = {name: np.zeros((rounds, len(chunks))) for name in ways}
    for turn in range(rounds):
        for place, chunk in enumerate(chunks):
            for name, way in ways.items():
                started = time.perf_counter()
                way(chunk)
                taken[name][turn, place] = (time.perf_counter() - started) / len(chunk)
    return {name: float(np.median(found, axis=0).mean()) for name, found in taken.items()}


def cost(small_s: float, large_s: float, goes_on: float) -> float:
    """Seconds of one sample by the cascade: the small one sees all of them, the large one what goes on."""
    return small_s + goes_on * large_s
