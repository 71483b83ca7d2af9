"""The part of a card that says what a version was asked, and said, when it was measured."""

from app.repository.reference import Bins, NumberBins, Reference
from training.card.markdown import table

HEADING = "What it was asked, and said"
MOST_NAMES = 3


def reference_table(reference: Reference) -> str:
    rows = [(name, _typical(bins)) for name, bins in reference.measures.items()]
    return (
        f"Over {reference.answers:,} answers on {reference.dataset} ({reference.split}). The service compares "
        "with this what it is asked now.\n\n" + table(("measure", "mostly"), rows)
    )


def _typical(bins: Bins) -> str:
    if isinstance(bins, NumberBins):
        low, high = bins.edges[0], bins.edges[-1]
        return f"{low:.4g}" if f"{low:.4g}" == f"{high:.4g}" else f"{low:.4g} to {high:.4g}"
    whole = sum(bins.counts)
    shares = [f"{name} ({count / whole:.0%})" for name, count in zip(bins.names, bins.counts, strict=False)]
    return ", ".join(shares[:MOST_NAMES])
