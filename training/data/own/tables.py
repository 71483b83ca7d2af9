"""Data of one's own, as CSV, JSON Lines or Parquet files: read, or refused with the file and the line."""

import csv
import json
import warnings
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from app.delimiters import delimiter_of
from training.data.own.hub_card import README, HubCard, hub_card
from training.data.own.splits import NOT_GIVEN, SPLITS, resolved, split_named, split_of_file
from training.errors import TrainingError, refusing

SPLIT = "split"
FILES = ("*.csv", "*.jsonl", "*.parquet")
FETCHED = (*FILES, README)  # of the hub
SEVERAL = "\x1f"  # between the values of a field that has several, in JSON Lines and Parquet
LONGEST_LISTING, LONGEST_QUOTE = 5, 60  # names of files, and characters of a value, in an error
# Of what may be left out because it is empty or contradicts itself; more of it says that something else is wrong.
MOST_WRONG = 0.05


def read_tables(
    folder: Path, *, required: Sequence[str], optional: Sequence[str] = (), only: Path | None = None
) -> tuple[pd.DataFrame, list[Path]]:
    """All FILES of a folder and those in it, or `only` one, one below the other, as text, and the files.

    The frame has the `required` columns, those of the `optional` that any file has, and `file` and `line`, counted as
    an editor counts where no field has a line break; in Parquet the row. `given` is the split that the row is given
    as, by a column SPLIT, by the README of the folder, or by the names of the file and of its folders; or NOT_GIVEN.
    Raises TrainingError, naming the file, if there is no such file, or one cannot be read, has not the columns, or no
    rows.
    """
    files = [only] if only else sorted(path for pattern in FILES for path in folder.rglob(pattern))
    if not files:
        present = sorted(path.name for path in folder.iterdir())[:LONGEST_LISTING]
        raise TrainingError(
            f"{folder} has no {' or '.join(FILES)} with the columns {', '.join(required)}; "
            f"it has {', '.join(present) or 'nothing'}"
        )
    return read_files(files, folder, required=required, optional=optional), files


def read_files(
    files: Sequence[Path], folder: Path, *, required: Sequence[str], optional: Sequence[str] = ()
) -> pd.DataFrame:
    """As `read_tables`, of these files in `folder`."""
    stated = hub_card(folder)
    parts = [
        read_table(path, required, [*optional, SPLIT], stated).assign(given=_given(path, folder, stated))
        for path in files
    ]
    return _with_stated_splits(pd.concat(parts, ignore_index=True).fillna(""))


def _given(path: Path, folder: Path, stated: HubCard) -> str:
    return split_named(stated.split_of(path, folder)) or split_of_file(path, folder)


def _with_stated_splits(rows: pd.DataFrame) -> pd.DataFrame:
    """Let a column SPLIT go before the names of files. A name there that is no split's is kept."""
    if SPLIT in rows:
        named = rows[SPLIT].map(lambda name: split_named(name) or name)
        rows["given"] = named.where(named != NOT_GIVEN, rows.given)
    rows["given"] = resolved(rows.given)
    return rows


def read_table(
    path: Path, required: Sequence[str], optional: Sequence[str] = (), stated: HubCard | None = None
) -> pd.DataFrame:
    """One file, as `read_tables` reads each; without its empty lines, and white space around fields.

    Raises TrainingError.
    """
    table, classes = _read(path)
    for column, names in {**(stated or HubCard()).classes, **classes}.items():
        if column in table:  # a number that is no class, such as -1, stays
            of = {str(number): name for number, name in enumerate(names)}
            table[column] = table[column].map(lambda text, of=of: of.get(text.removesuffix(".0"), text))
    missing = [name for name in required if name not in table]
    if missing:
        near = get_close_matches(missing[0], map(str, table.columns), 1)
        hint = f"; is {near[0]!r} meant?" if near else ""
        raise TrainingError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(map(str, table.columns))}{hint}"
        )
    wanted = [*required, *(name for name in optional if name in table)]
    rows: pd.DataFrame = table[wanted].fillna("").apply(lambda column: column.str.strip())
    first = 2 if path.suffix == ".csv" else 1
    rows = rows.assign(file=str(path), line=range(first, len(table) + first))[(rows != "").any(axis=1)]
    if rows.empty:
        raise TrainingError(f"{path} has no rows")
    return rows


def whole_table(path: Path) -> pd.DataFrame:
    """All columns of one file as text, without its empty lines, and white space around names and fields.

    Raises TrainingError if it cannot be read, has no rows, or two columns of a name.
    """
    table = _read(path)[0]
    names = [str(name).strip() for name in table.columns]
    twice = [name for name, count in Counter(_stated_names(path) or names).items() if name and count > 1]
    if twice:
        raise TrainingError(f"{path} has two columns {twice[0]!r:.80}")
    table.columns = pd.Index(names)
    rows: pd.DataFrame = table.fillna("").apply(lambda column: column.str.strip())
    rows = rows[(rows != "").any(axis=1)]
    if rows.empty:
        raise TrainingError(f"{path} has no rows")
    return rows.reset_index(drop=True)


def _read(path: Path) -> tuple[pd.DataFrame, dict[str, Sequence[str]]]:
    """As text, and the names of the classes of columns, where the file has those as the hub's datasets do."""
    if path.suffix == ".parquet":
        return _parquet(path)
    return (_jsonl(path) if path.suffix == ".jsonl" else _csv(path)), {}


def _csv(path: Path) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline()
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with more fields than the first line
            return pd.read_csv(
                path,
                sep=delimiter_of(first),
                dtype=str,
                keep_default_na=False,
                index_col=False,
                skip_blank_lines=False,
                encoding="utf-8-sig",  # as spreadsheets write it
            )
    except FileNotFoundError as error:
        raise TrainingError(f"{path} is missing") from error
    except (ValueError, OSError, pd.errors.ParserWarning) as error:  # pandas' other errors are ValueErrors
        raise TrainingError(f"{path} cannot be read as CSV in UTF-8: {' '.join(str(error).split())}") from error


def _stated_names(path: Path) -> list[str]:
    """The first line of a CSV file as it is: pandas numbers names that are there twice."""
    if path.suffix != ".csv":
        return []
    with refusing(f"{path} cannot be read as CSV in UTF-8"), path.open(encoding="utf-8-sig") as file:
        first = file.readline()
        file.seek(0)
        return [name.strip() for name in next(csv.reader(file, delimiter=delimiter_of(first)), [])]


def _jsonl(path: Path) -> pd.DataFrame:
    rows = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1):
            row = json.loads(line) if line.strip() else {}
            if not isinstance(row, dict):
                raise TrainingError(f'{path}, line {number}: not an object, such as {{"text": "…"}}')
            rows.append(row)
    except FileNotFoundError as error:
        raise TrainingError(f"{path} is missing") from error
    except (ValueError, OSError, RecursionError) as error:
        raise TrainingError(f"{path}, line {len(rows) + 1} cannot be read as JSON in UTF-8: {error}") from error
    return pd.DataFrame(rows).astype(object).map(_as_text)


def _parquet(path: Path) -> tuple[pd.DataFrame, dict[str, Sequence[str]]]:
    import pyarrow.parquet  # 55 MB, which who reads no Parquet need not have

    try:
        table = pyarrow.parquet.read_table(path)
        frame: pd.DataFrame = table.to_pandas()
        stated = json.loads((table.schema.metadata or {}).get(b"huggingface", b"{}"))
    except (ValueError, OSError, pyarrow.ArrowException) as error:
        raise TrainingError(f"{path} cannot be read as Parquet: {' '.join(str(error).split())}") from error
    features = stated.get("info", {}).get("features", {})
    classes: dict[str, Sequence[str]] = {
        column: [str(name) for name in feature["names"]]
        for column, feature in features.items()
        if isinstance(feature, dict) and "names" in feature
    }
    return frame.map(_as_text), classes


def _as_text(value: Any) -> str:
    """Several values, as of a text with several labels, with SEVERAL between them."""
    if isinstance(value, list | np.ndarray):
        return SEVERAL.join(map(str, value))
    return "" if value is None or value != value else str(value)


def refuse_other_splits(table: pd.DataFrame) -> None:
    """Raises TrainingError with the first row whose `given` split is none."""
    refuse(table, ~table.given.isin((*SPLITS, NOT_GIVEN)), "given", f"a split other than {', '.join(SPLITS)}")


def refuse(table: pd.DataFrame, is_wrong: pd.Series, column: str, what: str) -> None:
    """Raises TrainingError with the first row that is wrong, and how many are."""
    if is_wrong.any():
        row = table[is_wrong].iloc[0]
        more = f", and {is_wrong.sum() - 1} more" if is_wrong.sum() > 1 else ""
        raise TrainingError(f"{row.file}, line {row.line}: {what} ({str(row[column])[:LONGEST_QUOTE]!r}){more}")
