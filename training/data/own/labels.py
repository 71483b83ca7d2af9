"""Labels of one's own texts, as data sets write them: by name, as stars, or as numbers that nobody named."""

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from training.data.own.tables import refuse
from training.errors import TrainingError

NEGATIVE, NEUTRAL, POSITIVE = "negative", "neutral", "positive"
SYNONYMS = {
    **dict.fromkeys(("neg", "very negative", "somewhat negative"), NEGATIVE),
    **dict.fromkeys(("neu", "neutral"), NEUTRAL),
    **dict.fromkeys(("pos", "very positive", "somewhat positive"), POSITIVE),
}
UNLABELLED = "-1"  # as the hub's data sets have it
TWO, THREE = (NEGATIVE, POSITIVE), (NEGATIVE, NEUTRAL, POSITIVE)
FIVE = (NEGATIVE, NEGATIVE, NEUTRAL, POSITIVE, POSITIVE)


def labelled(table: pd.DataFrame, labels: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """The rows that have a label, which is then one of `labels`, and remarks on what was left out or taken for what.

    Raises TrainingError with the first label that is none of them.
    """
    remarks = []
    label = table.label.str.lower().str.replace(r"\.0$", "", regex=True)
    is_number = label.str.fullmatch(r"-?\d+")
    has_none = (label == UNLABELLED) & ~_is_mixed(table, label, is_number)
    has_none |= (label == "") & table.file.str.endswith(".parquet")  # in a CSV file it is a mistake
    if has_none.any():
        remarks.append(f"{has_none.sum():,} texts without a label were left out.")
        table, label, is_number = table[~has_none], label[~has_none], is_number[~has_none]
    if table.empty:
        raise TrainingError("no text has a label")
    stars = label.str.extract(r"^([1-5]) ?stars?$", expand=False)
    if stars.notna().all():
        scale = _scale({*stars, "5"})
        label = stars
    else:
        scale = _scale(set(label)) if is_number.all() else {}
        if scale:
            taken = ", ".join(f"{number} for {scale[number]}" for number in sorted(set(label)))
            remarks.append(f"Labels are numbers without names, and were taken so: {taken}.")
    found = label.map({**SYNONYMS, **scale}).fillna(label)
    between = (found == NEUTRAL) & bool(scale) & (NEUTRAL not in labels)
    if between.any():
        remarks.append(f"{between.sum():,} texts with a label between negative and positive were left out.")
    table, found = table[~between], found[~between]
    refuse(table, ~found.isin(labels), "label", f"a label other than {', '.join(labels)}")
    number_of = {name: number for number, name in enumerate(labels)}
    return table.assign(label=found.map(number_of).astype(int)).reset_index(drop=True), remarks


def _is_mixed(table: pd.DataFrame, label: pd.Series, is_number: pd.Series) -> pd.Series:
    """Of each row: has its split in its file other numbers beside UNLABELLED, so that this may be a label as well?"""
    others = is_number & (label != UNLABELLED)
    return others.groupby([table.file, table.given]).transform("any")


def _scale(numbers: set[str]) -> Mapping[str, str]:
    """Return the meaning of numbers that come as labels; nothing if they can be read in two ways."""
    if not all(re.fullmatch("[0-5]", number) for number in numbers):
        return {}
    low, high = min(numbers), max(numbers)
    if high == "5" and low > "0":
        return dict(zip("12345", FIVE, strict=True))
    if low == "0" and high in "34":
        return dict(zip("01234", FIVE, strict=True))
    if len(numbers) == 2 and (low, high) in (("0", "1"), ("1", "2")):
        return dict(zip((low, high), TWO, strict=True))
    return dict(zip("012", THREE, strict=True)) if numbers == {"0", "1", "2"} else {}
