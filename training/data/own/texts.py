"""Labelled texts of one's own."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from app.tasks.characters import is_blank
from training.data.own.labels import labelled
from training.data.own.splits import JUDGING, Split, also_judged, completed, given_remarks, refuse_no_training
from training.data.own.tables import MOST_WRONG, read_tables, refuse, refuse_other_splits

UNREAD = {"Cc", "Cf", "Cn", "Co", "Cs"}  # categories of characters that tokenizers drop, as they drop U+FFFD


class OwnTexts(NamedTuple):
    """`texts`: `text`, `label` (index), the group and `given`, the split that its owner gives, or NOT_GIVEN.

    `remarks`: sentences for the card on what was left out and what was taken for what.
    """

    texts: pd.DataFrame
    files: list[Path]
    remarks: list[str]


def own_texts(folder: Path, labels: Sequence[str], group: str) -> OwnTexts:
    """Labelled texts of one's own, read as `read_tables` reads.

    `group` is the name of an optional column, by which figures are broken down. What is given to judge by is kept as it
    is; of the rest a text that comes twice is one, and one that comes with two labels is left out. Raises
    TrainingError, also if more than MOST_WRONG of all are left out so.
    """
    texts, files = read_tables(folder, required=("text", "label"), optional=(group,))
    is_empty = texts.text.map(is_unread)
    if is_empty.mean() > MOST_WRONG:
        refuse(texts, is_empty, "text", "an empty text")
    texts, remarks = labelled(texts[~is_empty], labels)
    if is_empty.any():
        remarks.append(f"{is_empty.sum():,} empty texts were left out.")
    refuse_other_splits(texts)
    refuse_no_training(texts.given, str(folder))
    texts[group] = texts[group].replace("", "texts") if group in texts else "texts"
    texts, contradicting = each_once(texts, [group, "text"])
    return OwnTexts(texts, files, [*remarks, *contradicting])


def each_once(texts: pd.DataFrame, known_by: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """The texts, of which those that are learned come once each, without those with two labels, and a remark on these.

    What is given to judge by is kept as it is. `known_by`: columns that a text has in common with its copies. Raises
    TrainingError if more than MOST_WRONG contradict one another.
    """
    learned = texts[~texts.given.isin(JUDGING)].drop_duplicates([*known_by, "label"])
    texts = texts.loc[texts.given.isin(JUDGING) | texts.index.isin(learned.index)]
    is_second = learned.duplicated(known_by)
    if is_second.sum() > MOST_WRONG * (~is_second).sum():
        refuse(learned, is_second, "text", "a text that has another label before")
    contradictory = learned[learned.duplicated(known_by, keep=False)]
    remarks = [f"{is_second.sum():,} texts that came with two labels were left out."] if len(contradictory) else []
    return texts.drop(contradictory.index).reset_index(drop=True), remarks


def in_given_splits(
    texts: pd.DataFrame, key: pd.Series, fold_of: Callable[[str], Split]
) -> tuple[pd.DataFrame, list[str]]:
    """The texts with their `split`, without what the training has in common with what judges it, and remarks on that.

    `key`: what copies have in common; by it `fold_of` cuts a split that is not given.
    """
    split = completed(texts.given, key, fold_of)
    is_copy = also_judged(split, key)
    remarks = given_remarks(texts.given)
    if is_copy.any():
        remarks.append(f"{is_copy.sum():,} texts were not learned from, since a split that judges has them as well.")
    return texts.assign(split=split)[~is_copy].reset_index(drop=True), remarks


def is_unread(text: str) -> bool:
    return is_blank("".join(one for one in text if one != "\ufffd" and unicodedata.category(one) not in UNREAD))


def copy_key(text: str) -> str:
    """Return the part that copies share: letters and digits of any script, no retweets, links, case or width."""
    text = unicodedata.normalize("NFKC", text).lower()
    letters = re.sub(r"[\W_]+", "", re.sub(r"http\S+", "", re.sub(r"^(rt )?@\w+:? ?", "", text)))
    return letters or text
