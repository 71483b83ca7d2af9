"""The figures of a sentiment model: metrics, and the tables of its card."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.repository.manifest import Metric
from training.card import table
from training.data.sentiment import NEGATIVE, NEUTRAL, POSITIVE
from training.intervals import Figure, intervals_table
from training.sentiment.baselines import Scores
from training.sentiment.texts import MACRO, Texts

MEASURES = ("accuracy_3class", "accuracy_pos_neg")


def accuracies(texts: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    """For each domain, and as the mean of the domains ("macro"): accuracy over the three labels, and of telling
    positive from negative where a text is either; who takes no side is right half the time."""
    by_domain = right(texts, scores).groupby(texts.domain).mean()
    return pd.concat([by_domain, by_domain.mean().to_frame(MACRO).T])


def right(texts: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    """Of each text, by each of MEASURES: 1 if the answer is right, 0 if not, nan where it does not count."""
    best = pd.Series(scores.argmax(1) == texts.label, dtype=float)
    side = scores[:, POSITIVE] - scores[:, NEGATIVE]
    right_side = pd.Series((side > 0) == (texts.label == POSITIVE), dtype=float).where(side != 0, 0.5)
    right_side = right_side.where(texts.label != NEUTRAL)
    return pd.DataFrame({"accuracy_3class": best, "accuracy_pos_neg": right_side})


def sureness(test: pd.DataFrame, scores: Scores, baselines: Mapping[str, Scores]) -> str:
    """Markdown: the means of the domains with their intervals, and the lead over the best baseline."""
    ours, theirs = right(test, scores), {name: right(test, found) for name, found in baselines.items()}
    domains = pd.factorize(test.domain)[0]
    counts = {measure: ours[measure].notna().to_numpy() for measure in MEASURES}
    return intervals_table(
        [
            Figure(
                measure,
                ours[measure].to_numpy()[chosen],
                {name: found[measure].to_numpy()[chosen] for name, found in theirs.items()},
                strata=domains[chosen],
            )
            for measure, chosen in counts.items()
            if chosen.any()
        ]
    )


def quality(
    texts: Texts, scores: Mapping[str, Scores], baselines: Mapping[str, Scores], shipped: str = "int8"
) -> Iterator[Metric]:
    """All figures of the `shipped` scores beside the baselines, the means of the others, and how often they agree."""
    test, mean = texts.test, f"mean of {texts.breadth} of English text"
    split = f"test, {len(test):,} texts"
    found = {name: accuracies(test, logits) for name, logits in scores.items()}
    beside = {name: accuracies(test, others) for name, others in baselines.items()}
    for domain in (MACRO, *found[shipped].index.drop(MACRO)):
        for measure in MEASURES:
            if np.isnan(found[shipped].loc[domain, measure]):
                continue  # no text of the domain is of either side
            yield Metric(
                name=measure if domain == MACRO else f"{measure}_{domain}",
                value=round(found[shipped].loc[domain, measure], 4),
                dataset=mean if domain == MACRO else domain,
                split=split,
                baselines={name: round(table.loc[domain, measure], 4) for name, table in beside.items()},
            )
    for other in scores.keys() - {shipped}:
        for measure in MEASURES:
            value = round(found[other][measure][MACRO], 4)
            yield Metric(name=f"{measure}_of_{other}", value=value, dataset=mean, split=split)
        agree = float((scores[shipped].argmax(1) == scores[other].argmax(1)).mean())
        yield Metric(name=f"agreement_with_{other}", value=round(agree, 4), dataset="all texts", split=split)


def domain_table(test: pd.DataFrame, columns: Mapping[str, Scores]) -> str:
    """Markdown: three classes / positive against negative, by domain; the best of each row in bold."""
    tables = {name: accuracies(test, scores) for name, scores in columns.items()}
    sizes = test.domain.value_counts()
    rows = []
    for domain in (*sorted(sizes.index), MACRO):
        cells = []
        for found in tables.values():
            figures = []
            for measure in MEASURES:
                value = found.loc[domain, measure]
                is_best = value >= max(other.loc[domain, measure] for other in tables.values())
                figures.append(f"**{value:.3f}**" if is_best else f"{value:.3f}")
            cells.append(" / ".join(figures))
        rows.append((domain, str(sizes.get(domain, len(test))), *cells))
    return table(("domain", "texts", *tables), rows)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to run a model: its answers to the test texts, its size, and the least time of one text by length."""

    scores: Scores
    megabytes: float
    latencies_ms: Mapping[int, float]


def trade_off_table(test: pd.DataFrame, candidates: Mapping[str, Candidate]) -> str:
    """Markdown: what each candidate costs and is worth."""
    lengths = list(next(iter(candidates.values())).latencies_ms)
    rows = []
    for name, candidate in candidates.items():
        macro = accuracies(test, candidate.scores).loc[MACRO]
        times = (f"{candidate.latencies_ms[length]:.1f}" for length in lengths)
        rows.append((name, *(f"{macro[measure]:.4f}" for measure in MEASURES), f"{candidate.megabytes:.1f}", *times))
    return table(("", "3 classes", "pos/neg", "MB", *(f"ms at {length} tokens" for length in lengths)), rows)
