"""For whom recommendations work, and which items they favour, as tables."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from app.tensors import Array
from training.card.markdown import table
from training.data.event_log import Group
from training.measures.groups import FEW, HEAD, NONE, Ranks, popular
from training.measures.ranking import hit_rate


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
