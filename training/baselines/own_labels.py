"""Simpler models on texts of one's own, with one label or several each."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from app.tensors import Array
from training.data.own.labelled_texts import LabelledTexts
from training.measures.verdict import MAJORITY

STRENGTH = 5.0  # scikit-learn's C
FEW_TEXTS = 1_000  # among which a word may come once
TFIDF = "TF-IDF + logistic regression"


def baseline_scores(texts: LabelledTexts) -> dict[str, Array]:
    """Probabilities of the test texts, [texts, labels]: of always the same, and of a linear model of words and pairs.

    Where a text may have several labels, each has a linear model of its own.
    """
    train, targets = texts.train, texts.targets(texts.train)
    shares = targets.mean(0)
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2 if len(train) > FEW_TEXTS else 1, sublinear_tf=True)
    linear = LogisticRegression(C=STRENGTH, max_iter=1000)
    scores = np.zeros((len(texts.test), len(texts.labels)))
    if texts.are_several:
        model = make_pipeline(words, OneVsRestClassifier(linear)).fit(train.text, targets.astype(int))
        scores[:] = model.predict_proba(texts.test.text)
    else:
        model = make_pipeline(words, linear).fit(train.text, targets.argmax(1))
        scores[:, model.classes_] = model.predict_proba(texts.test.text)
    return {MAJORITY: np.tile(shares, (len(texts.test), 1)), TFIDF: scores}
