"""The summarizer's table: how near its summaries and simpler ones come to what people wrote."""

from app.repository.manifest import Metric
from app.tasks.summary_schema import SummarizationConfig
from training.baselines.table import Table, kept_table
from training.card.markdown import table
from training.data.summarized_texts import DATA_SHA256
from training.errors import TrainingError
from training.measures.rouge import NAMES as ROUGE

NAME = "article-summarizer"
# Chosen by training/baselines/summaries.py on its validation texts, but for the damping, which is the usual one.
CONFIG = SummarizationConfig(
    tokenizer="tokenizer.json",
    max_tokens=128,
    position_weight=4.0,
    position_reach=20,
    kinship=0.6,
    mmr_lambda=0.7,
    damping=0.85,
)
KINDS = {
    "news": "Reuters-21578: 1,000 stories, headline as reference",
    "articles": "Wikipedia: 56 articles without their introduction, which is the reference",
    "teasers": "the same 1,000 stories, each behind four sentences of another one (made up)",
}
SPLIT = "test; three sentences each"


def measured() -> Table:
    """Return the figures from the table in the repository: measuring takes longer than all the rest.

    Raises TrainingError if the table is of other texts or settings.
    """
    found = kept_table(NAME, data_sha256=DATA_SHA256, split=SPLIT)
    if found.settings[NAME] != settings(CONFIG):
        raise TrainingError(
            f"{NAME} was measured with other settings; measure it anew: python -m training.baselines {NAME}"
        )
    return found


def settings(config: SummarizationConfig) -> str:
    return config.model_dump_json(exclude={"tokenizer", "max_tokens", "writer"})


def quality(measured: Table) -> list[Metric]:
    rouge = [
        Metric(
            name=f"{name}_{kind}",
            value=measured.figures[NAME][f"{name}_{kind}"],
            dataset=dataset,
            split=SPLIT,
            baselines={other: value for other, value in measured.of(f"{name}_{kind}").items() if other != NAME},
        )
        for kind, dataset in KINDS.items()
        for name in ROUGE
    ]
    gains = [
        Metric(
            name=f"gain_{kind}{end}",
            value=measured.figures[NAME][f"gain_{kind}{end}"],
            dataset=dataset,
            split="the same: mean of the three, less that of lead-3; the ends of the 95 % interval of texts drawn anew",
        )
        for kind, dataset in KINDS.items()
        for end in ("", "_low", "_high")
    ]
    return [*rouge, *gains]


def bars(measured: Table) -> dict[str, list[float]]:
    """Each way of summarising with its mean ROUGE on each kind of text."""
    return {
        way: [sum(figures[f"{name}_{kind}"] for name in ROUGE) / len(ROUGE) for kind in KINDS]
        for way, figures in measured.figures.items()
    }


def beside_the_best(measured: Table) -> str:
    """Markdown: for each kind of text the best other way, and what three sentences at random reach."""
    means = bars(measured)
    others = [way for way in means if way != NAME]
    rows = []
    for number, kind in enumerate(KINDS):
        best = max(others, key=lambda way: means[way][number])
        values = (means[NAME][number], means["lead-3"][number], means["three at random"][number])
        rows.append((kind, *(f"{value:.4f}" for value in values), f"{best}: {means[best][number]:.4f}"))
    return "Mean of ROUGE-1, -2 and -L.\n\n" + table(
        ("texts", "this model", "lead-3", "three at random", "the best of the others"), rows
    )
