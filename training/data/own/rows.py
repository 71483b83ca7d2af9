"""A table of one's own with whatever columns, as text: read, or refused in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from app.repository.manifest import Source
from app.tasks.tables.columns import among
from training.data.own.hub_card import hub_card
from training.data.own.names import public_name
from training.data.own.source import SourceFolder, given
from training.data.own.splits import (
    JUDGING,
    NOT_GIVEN,
    also_judged,
    given_remarks,
    refuse_no_training,
    resolved,
    split_named,
    split_of_file,
)
from training.data.own.tables import FETCHED, FILES, MOST_WRONG, SPLIT, whole_table
from training.errors import TrainingError

# Fields that say that nothing is known, whatever their capitals; an empty one, too.
MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none", "?")


@dataclass(frozen=True, slots=True)
class TextRows:
    """Every row has a target. A field is text, empty if it is missing; `given` is the split of each row, if any."""

    fields: pd.DataFrame
    target: pd.Series
    given: pd.Series
    source: Source
    remarks: Sequence[str]

    def chosen(self, rows: pd.Series) -> "TextRows":
        """Those of which `rows`, bool, is true."""
        fields, target, given = self.fields[rows], self.target[rows], self.given[rows]
        return replace(
            self,
            fields=fields.reset_index(drop=True),
            target=target.reset_index(drop=True),
            given=given.reset_index(drop=True),
        )


def own_rows(source: str, target: str) -> TextRows:
    """The rows of one file, or of all FILES of a folder or of the hub's dataset of that id.

    Rows without a target are left out, unless they are more than MOST_WRONG of all. Raises TrainingError.
    """
    origin, files = _files(source)
    tables = [whole_table(path) for path in files]
    for path, table in zip(files, tables, strict=True):
        if target not in table:
            raise TrainingError(f"{path} has no column {target!r} to tell; {among(target, list(table.columns))}")
        if unlike := set(table.columns) ^ set(tables[0].columns):
            raise TrainingError(f"{path} and {files[0]} have different columns: {', '.join(sorted(unlike)[:5])}")
    splits = _splits(origin, files, tables)
    rows = pd.concat(tables, ignore_index=True)
    rows = rows.where(~rows.apply(lambda column: column.str.lower().isin(MISSING)), "")
    refuse_no_training(splits, source)
    return _with_target(rows, target, splits, origin.source(files, "training and evaluation"))


def _files(source: str) -> tuple[SourceFolder, list[Path]]:
    path = Path(source)
    if path.is_file():
        if path.suffix not in (".csv", ".parquet"):
            raise TrainingError(f"--source {source} is neither a .csv nor a .parquet file")
        return SourceFolder(path.parent, public_name(source)), [path]
    origin = given(source, "dataset", FETCHED)
    files = sorted(path for pattern in FILES for path in origin.folder.rglob(pattern))
    if not files:
        raise TrainingError(f"{source} has no {' or '.join(FILES)}")
    return origin, files


def _splits(origin: SourceFolder, files: Sequence[Path], tables: list[pd.DataFrame]) -> pd.Series:
    """The split of each row by a column SPLIT, which is then taken out, or by the names of several files."""
    parts = []
    stated = hub_card(origin.folder) if len(files) > 1 else None
    for number, (path, table) in enumerate(zip(files, tables, strict=True)):
        by_name = NOT_GIVEN
        if stated is not None:
            by_name = split_named(stated.split_of(path, origin.folder)) or split_of_file(path, origin.folder)
        part = pd.Series(by_name, index=table.index)
        if SPLIT in table and (named := table[SPLIT].map(split_named)).ne(NOT_GIVEN).all():
            part, tables[number] = named, table.drop(columns=SPLIT)
        parts.append(part)
    return resolved(pd.concat(parts, ignore_index=True))


def _copies(rows: pd.DataFrame, splits: pd.Series) -> pd.Series:
    """Return which rows are copies of another that is kept; of a split that is given to judge by, all are."""
    whole, is_judging = pd.util.hash_pandas_object(rows, index=False), splits.isin(JUDGING)
    return (whole.duplicated() & ~is_judging) | also_judged(splits.where(is_judging, "train"), whole)


def _with_target(rows: pd.DataFrame, target: str, splits: pd.Series, source: Source) -> TextRows:
    remarks = given_remarks(splits)
    has_none = rows[target] == ""
    if has_none.mean() > MOST_WRONG:
        raise TrainingError(
            f"{has_none.sum():,} of {len(rows):,} rows have nothing in the column {target!r}, which is to be told; "
            "leave them out, if that is meant"
        )
    if has_none.any():
        remarks.append(f"{has_none.sum():,} rows without a value in the column to tell were left out.")
    is_copy = _copies(rows, splits) & ~has_none
    if 0 < is_copy.mean() <= MOST_WRONG:
        remarks.append(f"{is_copy.sum():,} rows that are copies of another one were left out.")
        has_none |= is_copy
    elif is_copy.any():
        remarks.append(
            f"{is_copy.sum():,} of {len(rows):,} rows are copies of another: figures may be of rows that were learned."
        )
    return TextRows(rows.drop(columns=target), rows[target], splits, source, remarks).chosen(~has_none)
