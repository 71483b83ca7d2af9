"""For whom recommendations work, and which items they favour: what a mean over all people hides.

Groups of people: Ekstrand et al., "All The Cool Kids, How Do They Fit In?: Popularity and Demographic Biases in
Recommender Evaluation and Effectiveness", FAT* 2018.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from app.tensors import Array
from training.data.event_log import Group, History

Ranks = npt.NDArray[np.int64]
NONE = -1
FEW = 50  # people; of fewer a share says too little to be shown
BUSY = (50, 150)  # events: the bounds between those with few, with some and with many
HEAD = 0.1  # the share of items that counts as popular


def by_activity(histories: Sequence[History]) -> dict[str, Group]:
    """People by the number of events that are known of them."""
    counts = np.array([len(history) for history in histories])
    few, many = BUSY
    return {
        f"up to {few} events": counts <= few,
        f"{few + 1} to {many} events": (counts > few) & (counts <= many),
        f"over {many} events": counts > many,
    }


def by_target(targets: Sequence[int], popularity: Array) -> dict[str, Group]:
    """People by whether what came next is among the most popular items, `popularity` [items + 1], or not."""
    head = popular(popularity)[list(targets)]
    return {f"next item among the {HEAD:.0%} most popular": head, "next item among the others": ~head}


def popular(popularity: Array) -> Group:
    """The most popular HEAD of the items, bool [items + 1]; padding is none of them."""
    found = np.zeros(len(popularity), bool)
    order = np.argsort(-popularity[1:], kind="stable") + 1
    found[order[: round(HEAD * len(order))]] = True
    return found


def recommended(scores: Array, histories: Sequence[History], k: int) -> npt.NDArray[np.int64]:
    """The `k` best items that are not in the history, [histories, k]; where there are fewer, NONE is in their place.

    `scores` [histories, items + 1].
    """
    candidates = scores.astype(np.float64)  # a copy
    candidates[:, 0] = -np.inf
    for row, history in enumerate(histories):
        candidates[row, list(history)] = -np.inf
    best = np.argsort(-candidates, axis=1, kind="stable")[:, :k]
    return np.where(np.isneginf(np.take_along_axis(candidates, best, 1)), NONE, best)
