"""The result of a day's work on the same Chinese texts."""

from collections.abc import Mapping

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from training.data.chinese_reviews import LABELS
from training.data.chinese_texts import ChineseTexts
from training.data.reading import Scores
from training.measures.verdict import MAJORITY


def baseline_scores(texts: ChineseTexts) -> Mapping[str, Scores]:
    """Return what a day's work would give; the settings were chosen on the validation texts."""
    learners = {
        "TF-IDF of characters + logistic regression": make_pipeline(
            TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True),
            LogisticRegression(C=8.0, solver="liblinear"),
        ),
        "naive Bayes": make_pipeline(CountVectorizer(analyzer="char", ngram_range=(1, 2), min_df=2), MultinomialNB()),
    }
    train = texts.train
    shares = train.label.value_counts(normalize=True).reindex(range(len(LABELS)), fill_value=0)
    return {MAJORITY: np.tile(shares.to_numpy(), (len(texts.test), 1))} | {
        name: learner.fit(train.text, train.label).predict_proba(texts.test.text) for name, learner in learners.items()
    }
