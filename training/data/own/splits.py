"""The three parts of a data set: those that its owner gives are kept, and only what is missing is cut."""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from training.errors import TrainingError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
JUDGING: tuple[Split, ...] = ("validation", "test")
NOT_GIVEN = ""
EVALUATION = "evaluation"  # the test, as the hub reads it; beside a test it is the validation

CUT, MANY, CUT_OF_MANY = 0.15, 2_000, 0.10  # of what has a label, for each split that judges

WORDS = {
    "train": ("train", "training", "trn"),
    "validation": ("validation", "valid", "val", "dev", "devel", "development"),
    "test": ("test", "testing", "tst", "holdout", "heldout"),
    EVALUATION: ("eval", "evaluation"),
}
SPLIT_OF_WORD = {word: split for split, words in WORDS.items() for word in words}


def split_named(name: str) -> str:
    """The split that a word of a file's, folder's or split's `name` names, EVALUATION, or NOT_GIVEN.

    "reviews-train" and "Test2" name one; "train_test_split", all of the data in one file, names none.
    """
    words = re.sub("(?<=[a-z])(?=[A-Z])", " ", name).lower()
    words = re.sub("(hold|held)[-_ ]?out", "holdout", words)
    found = {SPLIT_OF_WORD.get(re.sub("(set|split|data)$", "", word)) for word in re.findall("[a-z]+", words)} - {None}
    if "train" in found:
        return "train" if len(found) == 1 else NOT_GIVEN
    return next((split for split in ("test", EVALUATION, "validation") if split in found), NOT_GIVEN)


def split_of_file(path: Path, folder: Path) -> str:
    """As `split_named`: by the name of the file, else by the nearest folder within `folder`."""
    *outer, file = path.relative_to(folder).parts
    return next(filter(None, map(split_named, (Path(file).stem, *reversed(outer)))), NOT_GIVEN)


def resolved(given: pd.Series) -> pd.Series:
    """`given` without EVALUATION."""
    return given.replace(EVALUATION, "validation" if (given == "test").any() else "test")


def refuse_no_training(given: pd.Series, source: str) -> None:
    """Raises TrainingError if all of the data is given as what must not be learned from."""
    found = sorted(set(given))
    if found and not {"train", NOT_GIVEN} & set(found):
        raise TrainingError(
            f"{source} has only a {' and a '.join(found)} split, and nothing to learn from; "
            "name a file, a folder or values of a column split train"
        )


def completed(given: pd.Series, key: pd.Series, fold_of: Callable[[str], Split]) -> pd.Series:
    """The split of each row: the given one; of a split that nobody gives, `fold_of` cuts one out of the training.

    `key`: what `fold_of` reads; rows of one key are cut alike.
    """
    missing = set(SPLITS) - set(given)
    cut = key.map(fold_of).where(lambda fold: fold.isin(missing), "train")
    return given.where(given.isin(JUDGING), cut)


def also_judged(split: pd.Series, key: pd.Series) -> pd.Series:
    """Return which rows have a copy, by `key`, in a split that judges them: training in either, validation in test."""
    is_test, is_validation = split == "test", split == "validation"
    in_test = key.isin(set(key[is_test]))
    in_validation = key.isin(set(key[is_validation]))
    return (in_test & ~is_test) | (in_validation & (split == "train"))


def given_remarks(given: pd.Series) -> list[str]:
    """Return a card's words on the splits that are given to judge by; nothing if none is."""
    found = [split for split in JUDGING if (given == split).any()]
    return [f"The {' and the '.join(found)} split {'are' if len(found) > 1 else 'is'} as given."] if found else []


def folds_of(keys: pd.Series, labels: pd.Series) -> dict[str, Split]:
    """A split for each key, of each label as large a share; what is called by a key twice goes with the first label.

    Which keys judge depends on nothing but the keys.
    """
    share = CUT_OF_MANY if len(keys) >= MANY else CUT
    folds: dict[str, Split] = {}
    for _, same in keys.groupby(labels):
        ordered = sorted(set(same) - folds.keys(), key=lambda key: hashlib.sha256(key.encode()).digest())
        count = max(1, round(share * len(ordered)))
        folds |= dict.fromkeys(ordered[2 * count :], "train")
        folds |= dict.fromkeys(ordered[count : 2 * count], "validation")
        folds |= dict.fromkeys(ordered[:count], "test")
    return folds


def in_splits(
    texts: pd.DataFrame, *, tiny: bool, most: int, of_each: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """By their column `split`; if `tiny`, at most `most` of each split and combination of the columns `of_each`."""
    if tiny:
        texts = texts.groupby([*of_each, "split"]).head(most)
    train, validation, test = (texts[texts.split == split].reset_index(drop=True) for split in SPLITS)
    return train, validation, test
