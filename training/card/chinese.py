"""Tables of the card of the Chinese sentiment model."""

import pandas as pd

from training.card.markdown import table
from training.data.reading import Scores
from training.measures.chinese import groups


def by_group(test: pd.DataFrame, found: Scores) -> str:
    right = found.argmax(1) == test.label.to_numpy()
    rows = [(name, f"{chosen.sum():,}", f"{right[chosen].mean():.3f}") for name, chosen in groups(test) if chosen.any()]
    return table(("test texts", "number", "accuracy"), rows)
