import numpy as np
import pandas as pd

from training.card.sentiment import Candidate, domain_table, sureness, trade_off_table
from training.data.sentiment_texts import SentimentTexts

TEXTS = pd.DataFrame({"domain": ["a", "a", "a", "b"], "label": [0, 1, 2, 2]})
SCORES = np.array([[0.5, 0.2, 0.3], [0.5, 0.2, 0.3], [0.1, 0.6, 0.3], [0.6, 0.1, 0.3]])
PERFECT = np.eye(3)[TEXTS.label]
GIVEN = SentimentTexts(TEXTS, TEXTS, TEXTS, lexicon=None, breadth="2 domains")


def test_the_table_of_domains_marks_the_best_of_each_row() -> None:
    lines = domain_table(TEXTS, {"ours": PERFECT, "simple": SCORES}).splitlines()
    assert lines[0] == "| domain | texts | ours | simple |"
    assert lines[2] == "| a | 3 | **1.000** / **1.000** | 0.333 / **1.000** |"
    assert lines[-1] == "| macro | 4 | **1.000** / **1.000** | 0.167 / 0.500 |"


def test_the_table_of_trade_offs_has_a_row_for_each_candidate() -> None:
    table = trade_off_table(TEXTS, {"int8": Candidate(PERFECT, 22.94, {16: 1.23, 64: 4.56})})
    assert table.splitlines()[-1] == "| int8 | 1.0000 | 1.0000 | 22.9 | 1.2 | 4.6 |"


def test_the_lead_over_the_best_baseline_stands_with_its_interval() -> None:
    table = sureness(TEXTS, PERFECT, {"simple": SCORES, "worse": 1 - PERFECT}).splitlines()
    assert table[2].startswith("| accuracy_3class | 1.0000 [1.0000, 1.0000] | simple: 0.1667 | +0.8333 [")
    assert table[3].startswith("| accuracy_pos_neg | 1.0000 [1.0000, 1.0000] | simple: 0.5000 | +0.5000 [")
