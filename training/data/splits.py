"""The three parts of a set of texts."""

from collections.abc import Sequence

import pandas as pd

SPLITS = ("train", "validation", "test")


def in_splits(
    texts: pd.DataFrame, *, tiny: bool, most: int, of_each: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """By their column `split`; if `tiny`, at most `most` of each split and combination of the columns `of_each`."""
    if tiny:
        texts = texts.groupby([*of_each, "split"]).head(most)
    train, validation, test = (texts[texts.split == split].reset_index(drop=True) for split in SPLITS)
    return train, validation, test
