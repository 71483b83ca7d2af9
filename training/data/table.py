"""A table, ready to be learned from: its columns, what is to be told, and three splits.

Without a source of one's own it is the Breast Cancer Wisconsin (Diagnostic) data of Wolberg, Street and Mangasarian
(1995), as scikit-learn has it: what a computer measured of cells in 569 pictures, and what the cells were.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.resources import files as files_of

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from app.repository.manifest import Source
from app.tasks.tables.columns import Column
from app.tensors import Array
from training.data.columns import as_numbers, columns_of, read_columns
from training.data.own.rows import TextRows, own_rows
from training.data.own.splits import JUDGING, NOT_GIVEN
from training.data.own.tables import LONGEST_QUOTE, MOST_WRONG
from training.errors import TrainingError, progress
from training.recipe import Run

LEAST_ROWS = 50
LEAST_OF_CLASS = 10  # rows, or it could not be in each split more than once or twice
MOST_NUMBERED = 20  # different whole numbers in the column to tell: if there are more, a number is told
SHARE = 0.2  # of the rows, for validation; and for the test
TINY_ROWS = 1_000
DIAGNOSIS = "diagnosis"  # the column of the packaged data that is told
CANCER = "Breast Cancer Wisconsin (Diagnostic)"


@dataclass(frozen=True, slots=True)
class SplitTable:
    """`fields` has the columns in the order of the graph: first numbers, fp32 with NaN, then categories, texts.

    `truth` [rows] are indices into `labels`, or fp64 if there are no labels. `split` [rows] is that of each row.
    """

    target: str
    columns: Sequence[Column]
    fields: pd.DataFrame
    truth: Array
    labels: Sequence[str]
    split: pd.Series
    source: Source
    remarks: Sequence[str]
    is_own: bool

    def part(self, split: str) -> tuple[pd.DataFrame, Array]:
        chosen = (self.split == split).to_numpy()
        return self.fields[chosen].reset_index(drop=True), self.truth[chosen]


def load_table(run: Run) -> SplitTable:
    """Raises TrainingError for what cannot be learned from."""
    if run.source is None:
        return _table(cancer(), run.columns.get("target", DIAGNOSIS), run, is_own=False)
    if "target" not in run.columns:
        raise TrainingError("--source needs --target: the column that is to be told")
    return _table(own_rows(run.source, run.columns["target"]), run.columns["target"], run, is_own=True)


def cancer() -> TextRows:
    """The packaged data, with the diagnosis as its target."""
    found = load_breast_cancer(as_frame=True)
    target = found.target.map(pd.Series(found.target_names)).astype(object)
    data = files_of("sklearn.datasets.data").joinpath("breast_cancer.csv").read_bytes()
    source = Source(
        name=f"{CANCER}, as packaged in scikit-learn",
        version=version("scikit-learn"),
        licence="CC BY 4.0, as the UCI Machine Learning Repository states it",
        sha256=hashlib.sha256(data).hexdigest(),
        used_for="training and evaluation",
    )
    return TextRows(found.data.astype(str), target, pd.Series(NOT_GIVEN, index=target.index), source, [])


def _table(rows: TextRows, target: str, run: Run, *, is_own: bool) -> SplitTable:
    name = rows.source.name
    if run.tiny and len(rows.target) > TINY_ROWS:
        chosen = rows.target.sample(TINY_ROWS, random_state=run.seed).index
        rows = rows.chosen(pd.Series(rows.target.index.isin(chosen)))
    rows = _without_strange(rows)
    if len(rows.target) < LEAST_ROWS:
        raise TrainingError(f"{name} has {len(rows.target)} rows, and at least {LEAST_ROWS} are needed to learn from")
    rows, remarks = _without_rare(rows, target) if _has_classes(rows.target) else (rows, list(rows.remarks))
    labels, why = _labels(rows.target, target)
    truth = _truth(rows.target, labels)
    split = _splits(rows.given, truth if labels else None, run.seed)
    untold = set(range(len(labels))) - set(truth[(split == "train").to_numpy()].tolist())
    if untold:
        raise TrainingError(f"{name}: {labels[min(untold)]!r} is in none of the rows that are to be learned from")
    read, more = read_columns(rows.fields, split == "train")
    if not read:
        raise TrainingError(f"{name} has no column to learn from beside {target!r}. {' '.join(more)}")
    columns = columns_of(read, split == "train")
    ordered = sorted(columns, key=lambda column: column.kind != "number")
    fields = pd.DataFrame({column.name: read[column.name].values for column in ordered})
    return SplitTable(target, columns, fields, truth, labels, split, rows.source, [*remarks, why, *more], is_own)


def _without_strange(rows: TextRows) -> TextRows:
    """Without the few texts in a target of numbers."""
    is_strange = as_numbers(rows.target).isna()
    if not 0 < is_strange.mean() <= MOST_WRONG or rows.target[~is_strange].nunique() <= MOST_NUMBERED:
        return rows
    progress(f"no number to tell: {rows.target[is_strange].iloc[0][:LONGEST_QUOTE]!r}, for example")  # not for the card
    what = f"{is_strange.sum():,} rows without a number in the column to tell were left out."
    return replace(rows.chosen(~is_strange), remarks=[*rows.remarks, what])


def _has_classes(target: pd.Series) -> bool:
    """Whether classes are to be told, and not a number."""
    numbers, num_different = as_numbers(target), target.nunique()
    if numbers.isna().any():
        return True
    has_fractions = bool((numbers % 1 != 0).any())
    return num_different <= (2 if has_fractions else MOST_NUMBERED)


def _without_rare(rows: TextRows, target: str) -> tuple[TextRows, list[str]]:
    """Without the classes of fewer than LEAST_OF_CLASS rows. Raises TrainingError if more than MOST_WRONG are lost."""
    counts = rows.target.value_counts()
    is_rare = rows.target.map(counts) < LEAST_OF_CLASS
    if not is_rare.any():
        return rows, list(rows.remarks)
    rare = repr(str(counts.idxmin())[:LONGEST_QUOTE])
    if is_rare.mean() > MOST_WRONG:
        raise TrainingError(
            f"{is_rare.sum():,} of {len(is_rare):,} rows have a text in {target!r} that is there fewer than "
            f"{LEAST_OF_CLASS} times, such as {rare}; join such classes, or leave them out"
        )
    num_rare = (counts < LEAST_OF_CLASS).sum()
    progress(f"a class that is left out: {rare}")  # not for the card, since it may be somebody
    what = f"{num_rare} classes of fewer than {LEAST_OF_CLASS} rows each were left out."
    return rows.chosen(~is_rare), [*rows.remarks, what]


def _labels(target: pd.Series, name: str) -> tuple[list[str], str]:
    """The classes, none if a number is to be told; and why it is the one or the other. Raises TrainingError."""
    num_different, shown = target.nunique(), repr(name[:LONGEST_QUOTE])
    if num_different == 1:
        only = repr(str(target.iloc[0])[:LONGEST_QUOTE])
        raise TrainingError(f"column {shown} is {only} in every row, so there is nothing to tell")
    if not _has_classes(target):
        return [], f"A number is told, since {shown} has {num_different:,} different numbers (tabular-regression)."
    numbers = as_numbers(target)
    labels = sorted(target.unique(), key=str if numbers.isna().any() else float)
    kind = "texts" if numbers.isna().any() else "numbers"
    return labels, f"Classes are told, since {shown} has {num_different} different {kind} (tabular-classification)."


def _truth(target: pd.Series, labels: Sequence[str]) -> Array:
    if not labels:
        return as_numbers(target).to_numpy(np.float64)
    return target.map({label: number for number, label in enumerate(labels)}).to_numpy(np.int64)


def _splits(given: pd.Series, classes: Array | None, seed: int) -> pd.Series:
    """The given splits; of a judging one that nobody gives, a SHARE of the others, with as much of each class."""
    split = given.where(given.isin(JUDGING), "train")
    for name in JUDGING:
        if (split == name).any():
            continue
        rows = split[split == "train"].index
        size = min(round(SHARE * len(split)), len(rows) // 2)
        strata = None if classes is None else classes[rows]
        split[train_test_split(rows, test_size=size, random_state=seed, stratify=strata)[1]] = name
    return split
