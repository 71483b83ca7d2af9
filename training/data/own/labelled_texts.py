"""Texts of one's own with whatever labels they have, one or several each, in three parts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.repository.manifest import Source
from training.data.own.source import given
from training.data.own.splits import JUDGING, SPLITS, folds_of, in_splits, refuse_no_training
from training.data.own.tables import FETCHED, SEVERAL, read_tables, refuse_other_splits
from training.data.own.texts import copy_key, each_once, in_given_splits, is_unread
from training.errors import TrainingError
from training.recipe import Run

LEAST_TEXTS, LEAST_JUDGED = 30, 5  # in all, and in each of the two splits that judge
LEAST_OF_LABEL = 3  # texts: one for each split
MOST_LABELS = 1_000
TINY = 8  # texts of each label and split


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """The splits, each with `text` and `labels`, a tuple of numbers of `labels`; `remarks` say what was done with them.

    `are_several`: a text may have any number of labels; else it has one.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame
    labels: Sequence[str]
    are_several: bool
    source: Source
    name: str
    remarks: Sequence[str] = ()

    def targets(self, texts: pd.DataFrame) -> npt.NDArray[np.float32]:
        """1 for each label that a text has, else 0, fp32 [texts, labels]."""
        found = np.zeros((len(texts), len(self.labels)), np.float32)
        for row, labels in zip(found, texts.labels, strict=True):
            row[list(labels)] = 1
        return found


def load_labelled_texts(run: Run) -> LabelledTexts:
    """The texts that `run.source` names: a file, a folder or a data set of the hub. Raises TrainingError."""
    if not run.source:
        raise TrainingError("--source is missing: a CSV, JSON Lines or Parquet file of texts and labels, or a folder")
    found = given(run.source, "dataset", FETCHED, may_be_file=True)
    text, label = run.columns.get("text", "text"), run.columns.get("label", "label")
    rows, files = read_tables(found.folder, required=(text, label), only=found.file)
    rows = rows.rename(columns={text: "text", label: "label"})
    refuse_other_splits(rows)
    refuse_no_training(rows.given, found.name)
    rows, are_several, remarks = _labelled(rows, run.columns.get("separator"))
    rows, labels, rare = _without_rare_labels(rows)
    keys = rows.text.map(copy_key)
    fold = folds_of(keys, rows.label.map(lambda names: names[:1]))
    rows, given_ones = in_given_splits(rows, keys, lambda key: fold.get(key, "train"))
    number_of = {name: number for number, name in enumerate(labels)}
    rows["labels"] = rows.label.map(lambda names: tuple(number_of[name] for name in names))
    _refuse_too_few(rows, found.name)
    train, validation, test = in_splits(rows, tiny=run.tiny, most=TINY, of_each=["label"])
    source = found.source(files, "training, validation and test")
    return LabelledTexts(
        train, validation, test, labels, are_several, source, found.name, [*remarks, *rare, *given_ones]
    )


def _labelled(rows: pd.DataFrame, separator: str | None) -> tuple[pd.DataFrame, bool, list[str]]:
    """The texts that can be learned from or judged by, `label` as a tuple of names, and what was left out."""
    remarks = []
    are_several = separator is not None or bool(rows.label.str.contains(SEVERAL, regex=False).any())
    between = separator or SEVERAL
    names = rows.label.map(lambda cell: tuple(dict.fromkeys(filter(None, map(str.strip, cell.split(between))))))
    rows = rows.assign(label=names)
    for is_wrong, what in (
        (rows.text.map(is_unread), "empty texts"),
        ((names.map(len) == 0) & (not are_several), "texts without a label"),
    ):
        if is_wrong.mean() > 0.5:
            raise TrainingError(f"most rows are {what}; are --text and --label the right columns?")
        if is_wrong.any():
            remarks.append(f"{is_wrong.sum():,} {what} were left out.")
        rows = rows[~is_wrong.reindex(rows.index)]
    rows, contradicting = each_once(rows, ["text"])
    return rows, are_several, [*remarks, *contradicting]


def _without_rare_labels(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str], list[str]]:
    """The rows without labels that few texts to learn from have, the labels by name, and what was left out."""
    counts = Counter(name for names in rows[~rows.given.isin(JUDGING)].label for name in names)
    if len(counts) > MOST_LABELS:
        raise TrainingError(f"there are {len(counts):,} labels, and at most {MOST_LABELS:,} can be; is it the column?")
    labels = sorted(name for name, count in counts.items() if count >= LEAST_OF_LABEL)
    if len(labels) < 2:
        (often, number), *_ = counts.most_common(1) or [("none", 0)]
        raise TrainingError(
            f"two labels of {LEAST_OF_LABEL} texts or more are needed, and there {'is one' if labels else 'is none'}: "
            f"of {len(counts)} the most frequent is {often[:40]!r}, with {number}"
        )
    kept = set(labels)
    had_labels = rows.label.map(len) > 0
    rows = rows.assign(label=rows.label.map(lambda names: tuple(name for name in names if name in kept)))
    is_lost = had_labels & (rows.label.map(len) == 0)
    rare = sorted({name for name in counts if name not in kept})
    remarks = []
    if rare or is_lost.any():
        remarks.append(
            f"{is_lost.sum():,} texts were left out with the {len(rare)} labels of which there are fewer than "
            f"{LEAST_OF_LABEL} texts to learn from."
        )
    return rows[~is_lost].reset_index(drop=True), labels, remarks


def _refuse_too_few(rows: pd.DataFrame, name: str) -> None:
    sizes = rows.split.value_counts().reindex(SPLITS, fill_value=0)
    if sizes.sum() < LEAST_TEXTS or sizes[list(JUDGING)].min() < LEAST_JUDGED:
        parts = ", ".join(f"{sizes[split]} for {split}" for split in SPLITS)
        raise TrainingError(
            f"{name} has too few texts: {parts}; at least {LEAST_TEXTS} in all and {LEAST_JUDGED} for each of "
            "validation and test are needed"
        )
