"""For whom recommendations work, and which items they favour, as tables."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from app.tensors import Array
from training.card.markdown import table
from training.data.event_log import Group, History
from training.measures.groups import FEW, HEAD, NONE, Ranks, by_activity, by_target, popular, recommended
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


def whom_and_what(
    kinds: Mapping[str, Group],
    asked: Sequence[History],
    targets: Sequence[int],
    counts: Array,
    scores: Mapping[str, Array],
    ranks: Mapping[str, Ranks],
    k: int,
) -> dict[str, str]:
    """Sections of the card: for whom the `k` first recommendations work, and which items they favour."""
    groups = {**kinds, **by_activity(asked), **by_target(targets, counts)}
    shown = {name: recommended(found, asked, k) for name, found in scores.items()}
    found = group_table(groups, ranks, k)
    return {
        "For whom it works": found
        and f"HR@{k} of kinds of people, with one standard error; of fewer than {FEW} people none is given. The model "
        f"knows nothing of a person but the events.\n\n{found}",
        "What it favours": f"Over the {k} first recommendations to everybody above.\n\n{favour_table(shown, counts)}",
    }
