"""The intervals of a card's figures, as a table."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from training.card.markdown import table
from training.measures.intervals import Figure, Values, interval, mean

HEADING = "How sure these figures are"
ABOUT = (
    "In brackets between what 95 of 100 other samples of this size would lie, by the bootstrap. The lead is over the "
    "best of what was measured beside it sample by sample, on the same samples. Neither says anything of other data or "
    "of another seed."
)


def intervals_table(figures: Sequence[Figure]) -> str:
    """Markdown: each figure with its interval, the strongest baseline, and by how much it is ahead of that."""
    return f"{table(('figure', 'this model', 'the best beside it', 'lead'), map(_row, figures))}\n\n{ABOUT}"


def _row(figure: Figure) -> tuple[str, str, str, str]:
    own = f"{mean(figure.ours, figure.strata):.4f} {_span(figure.ours, figure.strata)}"
    if not figure.baselines:
        return figure.name, own, "", ""
    sign = 1 if figure.better == "more" else -1
    best = max(figure.baselines, key=lambda name: sign * mean(figure.baselines[name], figure.strata))
    theirs = figure.baselines[best]
    lead = sign * (figure.ours - theirs)
    beside = f"{best}: {mean(theirs, figure.strata):.4f}"
    return (
        figure.name,
        own,
        beside,
        f"{mean(lead, figure.strata):+.4f} {_span(lead, figure.strata)}{_verdict(lead, figure)}",
    )


def _span(values: Values, strata: npt.NDArray[np.integer] | None) -> str:
    low, high = interval(values, strata)
    return f"[{low:.4f}, {high:.4f}]"


def _verdict(lead: Values, figure: Figure) -> str:
    low, high = interval(lead, figure.strata)
    return ", which may be chance" if low <= 0 <= high else ""
