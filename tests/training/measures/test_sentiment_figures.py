from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from training.data.sentiment_texts import SentimentTexts
from training.measures.sentiment import accuracies, quality

TEXTS = pd.DataFrame({"domain": ["a", "a", "a", "b"], "label": [0, 1, 2, 2]})
SCORES = np.array([[0.5, 0.2, 0.3], [0.5, 0.2, 0.3], [0.1, 0.6, 0.3], [0.6, 0.1, 0.3]])
PERFECT = np.eye(3)[TEXTS.label]
GIVEN = SentimentTexts(TEXTS, TEXTS, TEXTS, lexicon=None, breadth="2 domains")


def test_accuracy_is_the_mean_of_the_domains_and_leaves_neutral_texts_out_of_pos_neg() -> None:
    found = accuracies(TEXTS, SCORES)
    assert found.accuracy_3class.to_dict() == pytest.approx({"a": 1 / 3, "b": 0, "macro": 1 / 6})
    assert found.accuracy_pos_neg.to_dict() == pytest.approx({"a": 1, "b": 0, "macro": 0.5})


def test_every_figure_stands_beside_those_of_the_baselines() -> None:
    metrics = {one.name: one for one in quality(GIVEN, {"int8": PERFECT, "fp32": SCORES}, {"simple": SCORES})}
    assert metrics["accuracy_3class"].value == 1
    assert metrics["accuracy_3class"].dataset == "mean of 2 domains of English text"
    assert metrics["accuracy_3class_a"].baselines == {"simple": 0.3333}
    assert metrics["accuracy_pos_neg_of_fp32"].value == 0.5
    assert metrics["agreement_with_fp32"].value == 0.25


def test_a_domain_without_sides_has_no_figure_of_them() -> None:
    texts = pd.DataFrame({"domain": ["a", "b", "b"], "label": [0, 1, 1]})
    scores = np.eye(3)[texts.label]
    names = {one.name for one in quality(replace(GIVEN, test=texts), {"int8": scores}, {})}
    assert names == {
        "accuracy_3class",
        "accuracy_pos_neg",
        "accuracy_3class_a",
        "accuracy_pos_neg_a",
        "accuracy_3class_b",
    }


def test_who_takes_no_side_is_right_half_the_time() -> None:
    neither = np.tile([0.0, 0.1, 0.0], (len(TEXTS), 1))
    assert accuracies(TEXTS, neither).accuracy_pos_neg.to_dict() == {"a": 0.5, "b": 0.5, "macro": 0.5}
