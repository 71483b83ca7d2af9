"""The columns of a table: which can be learned from, of which kind each is, and what is seen in it."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from app.tasks.tables.columns import LARGEST, Column
from training.data.own.tables import LONGEST_QUOTE, MOST_WRONG
from training.errors import progress

MOST_CATEGORIES = 100  # of one column; what has more are texts, dates or names, of which little can be learned so
LEAST_ALIKE = 2  # rows of a category, on average
ENDS = (0.01, 0.99)  # quantiles between which a number is said to be: its ends may be somebody's
ID_NAMES = ("id", "index", "rownumber")  # how those of rows end


class ReadColumn(NamedTuple):
    """A column as a graph reads it: fp32 with NaN, or text, empty if it is missing."""

    kind: str
    values: pd.Series


def read_columns(fields: pd.DataFrame, is_learned: pd.Series) -> tuple[dict[str, ReadColumn], list[str]]:
    """The columns of text `fields` (empty if missing) that can be learned from, and remarks on all others.

    Of which kind they are is told by the rows that are learned. Fields of numbers that are none are taken for missing,
    if they are at most MOST_WRONG of those that are there.
    """
    read: dict[str, ReadColumn] = {}
    remarks = []
    for name, column in fields.items():
        shown, learned = repr(str(name)[:LONGEST_QUOTE]), column[is_learned]
        if why_not := _why_not(str(name), learned):
            remarks.append(f"Column {shown} is not read: {why_not}.")
        elif _is_number(learned):
            numbers = as_numbers(column)
            read[str(name)] = ReadColumn("number", numbers.astype(np.float32))
            remarks += _remarks_on_strange(shown, column[numbers.isna() & (column != "")])
        else:
            read[str(name)] = ReadColumn("category", column.astype(object))
    return read, remarks


def _why_not(name: str, column: pd.Series) -> str:
    """Say why nothing can be learned from a column; nothing if something can."""
    there = column[column != ""]
    num_different = there.nunique()
    if num_different == 0:
        return "it is empty"
    if num_different == 1 and len(there) == len(column):
        return "it is the same in every row"
    if _is_number(column):
        return "it only numbers the rows" if _is_id(name, as_numbers(column)) else ""
    if num_different > MOST_CATEGORIES:
        return f"it has {num_different:,} different texts, and a category has at most {MOST_CATEGORIES}{_hint(there)}"
    if LEAST_ALIKE * num_different > len(there):
        return f"of {len(there):,} texts {num_different:,} are different, so hardly any comes again{_hint(there)}"
    return ""


def _hint(there: pd.Series) -> str:
    """Say what makes them numbers, if they are some as spreadsheets write them in most of Europe."""
    are_decimal = there.str.fullmatch(r"[-+]?\d+,\d+").mean() >= 1 - MOST_WRONG
    return "; numbers need a point instead of a comma" if are_decimal else ""


def _is_number(column: pd.Series) -> bool:
    return bool(as_numbers(column).notna().sum() >= (1 - MOST_WRONG) * (column != "").sum())


def _is_id(name: str, numbers: pd.Series) -> bool:
    """Whether they are whole numbers, all different, that have the name of an id, or count the rows."""
    if not numbers.is_unique or (numbers % 1 != 0).any():  # NaN is no whole number
        return False
    plain = name.lower().replace("_", "").replace(" ", "")
    counts_rows = numbers.max() - numbers.min() == len(numbers) - 1
    return plain.endswith(ID_NAMES) or plain == "unnamed:0" or bool(counts_rows)


def _remarks_on_strange(shown: str, strange: pd.Series) -> list[str]:
    if strange.empty:
        return []
    progress(f"no number in column {shown}: {strange.iloc[0][:LONGEST_QUOTE]!r}, for example")  # not for the card
    return [f"{len(strange):,} fields of column {shown} are no numbers, and were taken for missing."]


def as_numbers(column: pd.Series) -> pd.Series:
    """Texts as numbers, fp64; NaN for what is none that a graph can hold."""
    numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
    return numbers.where(numbers.abs() <= LARGEST)


def columns_of(read: dict[str, ReadColumn], is_learned: pd.Series) -> list[Column]:
    """Columns as the service knows them, by the rows that are learned. Whether one may be missing, by all rows."""
    return [_column(name, one.values, one.values[is_learned], one.kind) for name, one in read.items()]


def _column(name: str, values: pd.Series, learned: pd.Series, kind: str) -> Column:
    if kind == "number":
        low, middle, high = (float(f"{each:.6g}") for each in learned.quantile([ENDS[0], 0.5, ENDS[1]]))
        return Column(
            name=name, kind="number", may_be_missing=bool(values.isna().any()), seen=(low, high), typical=middle
        )
    counts = learned[learned != ""].value_counts().sort_index(kind="stable")
    return Column(
        name=name,
        kind="category",
        may_be_missing=bool((values == "").any()),
        categories=[str(each) for each in counts.index],
        typical=str(counts.idxmax()),
    )
