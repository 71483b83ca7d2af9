"""For whom recommendations work, and which items they favour: what a mean over all people hides.

Groups of people: Ekstrand et al., "All The Cool Kids, How Do They Fit In?: Popularity and Demographic Biases in
Recommender Evaluation and Effectiveness", FAT* 2018.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from app.tensors import Array
from training.card import table
from training.ranking import History, hit_rate

Group = npt.NDArray[np.bool_]
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


def group_table(groups: Mapping[str, Group], ranks: Mapping[str, Ranks], k: int) -> str:
    """Markdown: HR@k of each group by each method, with the standard error of the first.

    Groups of fewer than FEW people are left out; if all are, it is empty.
    """
    first = next(iter(ranks))
    rows = []
    for name, chosen in groups.items():
        if (count := int(chosen.sum())) >= FEW:
            rates = {method: hit_rate(found[chosen], k) for method, found in ranks.items()}
            error = np.sqrt(rates[first] * (1 - rates[first]) / count)
            rows.append(
                (
                    name,
                    f"{count:,}",
                    f"{rates[first]:.3f} ± {error:.3f}",
                    *(f"{rates[m]:.3f}" for m in rates if m != first),
                )
            )
    heads = ("people", "number", first, *(method for method in ranks if method != first))
    return table(heads, rows) if rows else ""


def favour_table(shown: Mapping[str, npt.NDArray[np.int64]], popularity: Array) -> str:
    """Markdown: of each method's lists [people, k], how much of the catalogue they show, and how much is popular."""
    head, num_items = popular(popularity), len(popularity) - 1
    rows = [
        (method, f"{len(np.unique(items)) / num_items:.3f}", f"{head[items].mean():.3f}")
        for method, items in ((method, lists[lists != NONE]) for method, lists in shown.items())
    ]
    return table(
        ("method", "of all items, shown to anybody", f"of what is shown, among the {HEAD:.0%} most popular"), rows
    )
