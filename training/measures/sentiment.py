"""The figures of a sentiment model: metrics, and the tables of its card."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from app.repository.manifest import Metric
from app.tasks.labels import softmax
from app.tensors import Array
from training.data.reading import Scores
from training.data.sentiment import NEGATIVE, NEUTRAL, POSITIVE
from training.data.sentiment_texts import MACRO, SentimentTexts
from training.measures.calibration import expected_calibration_error

MEASURES = ("accuracy_3class", "accuracy_pos_neg")


def accuracies(texts: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    """For each domain, and as the mean of the domains ("macro"): accuracy over the three labels, and of telling
    positive from negative where a text is either; who takes no side is right half the time."""
    by_domain = right(texts, scores).groupby(texts.domain).mean()
    return pd.concat([by_domain, by_domain.mean().to_frame(MACRO).T])


def right(texts: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    """Return for each text and each of MEASURES: 1 if the answer is right, 0 if not, nan where it does not count."""
    best = pd.Series(scores.argmax(1) == texts.label, dtype=float)
    side = scores[:, POSITIVE] - scores[:, NEGATIVE]
    right_side = pd.Series((side > 0) == (texts.label == POSITIVE), dtype=float).where(side != 0, 0.5)
    right_side = right_side.where(texts.label != NEUTRAL)
    return pd.DataFrame({"accuracy_3class": best, "accuracy_pos_neg": right_side})


def quality(
    texts: SentimentTexts, scores: Mapping[str, Scores], baselines: Mapping[str, Scores], shipped: str = "int8"
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
    for other in (name for name in scores if name != shipped):
        for measure in MEASURES:
            value = round(found[other][measure][MACRO], 4)
            yield Metric(name=f"{measure}_of_{other}", value=value, dataset=mean, split=split)
        agree = float((scores[shipped].argmax(1) == scores[other].argmax(1)).mean())
        yield Metric(name=f"agreement_with_{other}", value=round(agree, 4), dataset="all texts", split=split)


def calibration(test: pd.DataFrame, scores: Scores, temperature: float) -> list[Metric]:
    """The expected calibration error as shipped and, as its baseline, of what the network said before."""
    truth = test.label.to_numpy()
    after = expected_calibration_error(softmax_rows(scores), truth)
    before = expected_calibration_error(softmax_rows(scores * temperature), truth)
    split = f"test, {len(test):,} texts"
    return [
        Metric(
            name="expected_calibration_error",
            value=round(after, 4),
            dataset="all texts",
            split=split,
            baselines={"without temperature": round(before, 4)},
        ),
        Metric(name="temperature", value=round(temperature, 4), dataset="all texts", split="validation"),
    ]


def softmax_rows(scores: Scores) -> Array:
    return np.stack([softmax(row) for row in scores])
