"""Graphs that may be variants of a model that writes text, beside fp32, as a table."""

from collections.abc import Mapping

from app.repository.manifest import Metric
from training.card.markdown import table
from training.data.held_out_news import NAME
from training.measures.candidates import AT_ONCE, DecoderCandidate

HEADING = "fp32 and fewer bits"
ABOUT = (
    "Perplexity is of held-out news, less is better. Agreement is the share of places in it at which the same token is "
    "likeliest as in fp32. Same tokens are the share of what fp32 writes greedily after the prompts, up to the first "
    "difference. Tokens a second are those of all rows together, measured in turns on the machine that built this, "
    "whatever else it did."
)


def candidates_table(
    candidates: Mapping[str, DecoderCandidate], speeds: Mapping[str, Mapping[int, float]], main: str
) -> str:
    """Markdown: each candidate, compared with the one that is called `main`. `speeds`: tokens a second, by rows."""
    heads = (
        "candidate",
        "perplexity",
        "agreement",
        "same tokens",
        *(f"tokens/s, {rows} at once" for rows in AT_ONCE),
        "MB",
    )
    rows = [
        (
            name,
            f"{candidate.read.perplexity:.2f}",
            f"{candidate.read.agreement(candidates[main].read):.3f}",
            f"{candidate.same_tokens(candidates[main]):.3f}",
            *(f"{speeds[name][rows]:.0f}" for rows in AT_ONCE),
            f"{candidate.megabytes:.0f}",
        )
        for name, candidate in candidates.items()
    ]
    return f"{table(heads, rows)}\n\n{ABOUT}"


def metrics_of(
    candidates: Mapping[str, DecoderCandidate], main: str, published: str, texts: str
) -> tuple[Metric, Metric]:
    """Perplexity of `published`, and its agreement with `main`, beside those of the others. `texts`: held-out news."""
    fp32, mine = candidates[main].read, candidates[published].read
    others = {name: candidate.read for name, candidate in candidates.items() if name != published}
    split = f"{texts}; this is {published}, beside other bits"
    return (
        Metric(
            name="perplexity",
            value=mine.perplexity,
            dataset=NAME,
            split=split,
            baselines={name: read.perplexity for name, read in others.items()},
        ),
        Metric(
            name="agreement_with_fp32",
            value=mine.agreement(fp32),
            dataset=NAME,
            split=split,
            baselines={name: read.agreement(fp32) for name, read in others.items()},
        ),
    )
