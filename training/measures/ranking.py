"""The rank that scores give the item that came next: leave-one-out, against all items not yet seen.

Nothing is sampled: Krichene & Rendle, "On Sampled Metrics for Item Recommendation" (KDD 2020), show why.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from app.tensors import Array
from training.data.event_log import History

TOP = 10  # items of a list, in which the one that came next counts as found


def target_ranks(scores: Array, histories: Sequence[History], targets: Sequence[int]) -> npt.NDArray[np.int64]:
    """The rank of each target, from 1, among all items that are not in its history.

    `scores` float [histories, items + 1], where item 0 is padding. A tie counts against the target, so that a
    constant score is worth nothing. Raises ValueError if a target is in its history.
    """
    candidates = np.ones(scores.shape, bool)
    candidates[:, 0] = False
    for row, history in enumerate(histories):
        candidates[row, list(history)] = False
    rows = np.arange(len(targets))
    if not candidates[rows, targets].all():
        raise ValueError("a target is in its own history")
    return np.asarray(((scores >= scores[rows, targets][:, None]) & candidates).sum(axis=1))


def hit_rate(ranks: npt.NDArray[np.int64], k: int) -> float:
    """Share of targets among the first `k`."""
    return float(hits(ranks, k).mean())


def hits(ranks: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.float64]:
    """1 for each target that is among the first `k`."""
    return (ranks <= k).astype(np.float64)


def gains(ranks: npt.NDArray[np.int64], k: int) -> npt.NDArray[np.float64]:
    """Discounted gain of each target: 1 / log2(rank + 1) if it is among the first `k`."""
    return np.where(ranks <= k, 1 / np.log2(ranks + 1), 0.0)


def ndcg(ranks: npt.NDArray[np.int64], k: int) -> float:
    """Normalised discounted cumulative gain of the first `k`: with a single target, 1 / log2(rank + 1)."""
    return float(gains(ranks, k).mean())
