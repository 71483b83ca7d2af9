from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from training.sentiment.figures import Candidate, accuracies, domain_table, quality, sureness, trade_off_table
from training.sentiment.texts import Texts

TEXTS = pd.DataFrame({"domain": ["a", "a", "a", "b"], "label": [0, 1, 2, 2]})
SCORES = np.array([[0.5, 0.2, 0.3], [0.5, 0.2, 0.3], [0.1, 0.6, 0.3], [0.6, 0.1, 0.3]])
PERFECT = np.eye(3)[TEXTS.label]
GIVEN = Texts(TEXTS, TEXTS, TEXTS, lexicon=None, breadth="2 domains")


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


def test_the_table_of_domains_marks_the_best_of_each_row() -> None:
    lines = domain_table(TEXTS, {"ours": PERFECT, "simple": SCORES}).splitlines()
    assert lines[0] == "| domain | texts | ours | simple |"
    assert lines[2] == "| a | 3 | **1.000** / **1.000** | 0.333 / **1.000** |"
    assert lines[-1] == "| macro | 4 | **1.000** / **1.000** | 0.167 / 0.500 |"


def test_the_table_of_trade_offs_has_a_row_for_each_candidate() -> None:
    table = trade_off_table(TEXTS, {"int8": Candidate(PERFECT, 22.94, {16: 1.23, 64: 4.56})})
    assert table.splitlines()[-1] == "| int8 | 1.0000 | 1.0000 | 22.9 | 1.2 | 4.6 |"


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


def test_the_lead_over_the_best_baseline_stands_with_its_interval() -> None:
    table = sureness(TEXTS, PERFECT, {"simple": SCORES, "worse": 1 - PERFECT}).splitlines()
    assert table[2].startswith("| accuracy_3class | 1.0000 [1.0000, 1.0000] | simple: 0.1667 | +0.8333 [")
    assert table[3].startswith("| accuracy_pos_neg | 1.0000 [1.0000, 1.0000] | simple: 0.5000 | +0.5000 [")
