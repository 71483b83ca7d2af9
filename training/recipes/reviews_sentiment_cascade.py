"""Sentiment of English reviews and tweets, by two layers where they are sure and by six where they are not.

Nothing is trained: reviews-sentiment-small is asked before reviews-sentiment, both as they are published in `--models`.
`--set loss=0.005` allows a loss of accuracy other than .002.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from app.repository.manifest import Metric, Source
from app.tasks.text_classification import TextClassification
from training.card.sentiment import domain_table
from training.data.sentiment import LABELS
from training.data.sentiment_texts import load_texts
from training.errors import TrainingError
from training.measures.sentiment import quality
from training.recipe import Run
from training.recipes.cascades import CascadeKind, cascade_recipe
from training.recipes.sentiment import PROSE as SENTIMENT
from training.recipes.two_models import JudgedSplit, Questions, TwoModels


def questions(run: Run) -> tuple[Questions, Questions, Sequence[Source]]:
    texts = load_texts(run)
    return questions_of(texts.validation), questions_of(texts.test), texts.sources


def questions_of(texts: pd.DataFrame) -> Questions:
    return Questions(
        [{"text": text} for text in texts.text], [LABELS[label] for label in texts.label], texts.domain.tolist()
    )


def figures(
    known: TwoModels, judged: JudgedSplit, enough: float, run: Run
) -> tuple[Sequence[Metric], Mapping[str, str]]:
    """Accuracies of the seven domains, beside those of each model alone."""
    if known.large.labels != list(LABELS):
        raise TrainingError(f"{known.large.title}, knows other labels than {', '.join(LABELS)}")
    texts = load_texts(run)
    alone = {"the small model": judged.small.scores, "the large model": judged.large.scores}
    scores = judged.scores(enough)
    table = domain_table(texts.test, {"cascade": scores, **alone})
    return [*quality(texts, {"cascade": scores}, alone, "cascade")], {
        "By domain": "Accuracy on the test texts, in three classes / of telling positive from negative.\n\n" + table
    }


def examples(run: Run) -> list[dict[str, str]]:
    return [{"text": text} for text in SENTIMENT.items("Examples")]


RECIPE = cascade_recipe(
    CascadeKind(
        name="reviews-sentiment-cascade",
        task=TextClassification.contract.name,
        small="reviews-sentiment-small",
        large="reviews-sentiment",
        accuracy="accuracy in three classes, mean of seven domains",
        dataset="English text of seven domains",
        description="Sentiment of English reviews, tweets and editorials: negative, neutral or positive. Two layers "
        "answer what they are sure of, six the rest, both with int8 weights.",
        notes="The small model was distilled from a version of the large one, on the same training texts; validation "
        "and test are those of both.",
        questions=questions,
        figures=figures,
        examples=examples,
    )
)
