"""Data of one's own, as CSV files: read, or refused with the file and the line."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from training.recipe import TrainingError

LONGEST_LISTING, LONGEST_QUOTE = 5, 60


def read_tables(
    folder: Path, *, required: Sequence[str], optional: Sequence[str] = ()
) -> tuple[pd.DataFrame, list[Path]]:
    """All `*.csv` of a folder one below the other, as text, and the files.

    The frame has the `required` columns, those of the `optional` that any file has, and `file` and `line`, counted as
    an editor counts where no field has a line break. Raises TrainingError, naming the file, if there is no such file,
    or one is not UTF-8, has not the columns, or no rows.
    """
    files = sorted(folder.glob("*.csv"))
    if not files:
        present = sorted(path.name for path in folder.iterdir())[:LONGEST_LISTING]
        raise TrainingError(
            f"{folder} has no *.csv with the columns {', '.join(required)}; it has {', '.join(present) or 'nothing'}"
        )
    return pd.concat([read_table(path, required, optional) for path in files], ignore_index=True).fillna(""), files


def read_table(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> pd.DataFrame:
    """One CSV file, as `read_tables` reads each; without its empty lines, and white space around fields.

    Raises TrainingError.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with more fields than the first line
            table = pd.read_csv(
                path, dtype=str, keep_default_na=False, index_col=False, skip_blank_lines=False, encoding="utf-8"
            )
    except FileNotFoundError as error:
        raise TrainingError(f"{path} is missing") from error
    except (ValueError, OSError, pd.errors.ParserWarning) as error:  # pandas' other errors are ValueErrors
        raise TrainingError(f"{path} cannot be read as CSV in UTF-8: {' '.join(str(error).split())}") from error
    missing = [name for name in required if name not in table]
    if missing:
        raise TrainingError(f"{path} has no column {', '.join(missing)}; it has {', '.join(map(str, table.columns))}")
    wanted = [*required, *(name for name in optional if name in table)]
    rows: pd.DataFrame = table[wanted].fillna("").apply(lambda column: column.str.strip())
    rows = rows.assign(file=str(path), line=range(2, len(table) + 2))[(rows != "").any(axis=1)]
    if rows.empty:
        raise TrainingError(f"{path} has no rows")
    return rows


def refuse(table: pd.DataFrame, is_wrong: pd.Series, column: str, what: str) -> None:
    """Raises TrainingError with the first row that is wrong, and how many are."""
    if is_wrong.any():
        row = table[is_wrong].iloc[0]
        more = f", and {is_wrong.sum() - 1} more" if is_wrong.sum() > 1 else ""
        raise TrainingError(f"{row.file}, line {row.line}: {what} ({str(row[column])[:LONGEST_QUOTE]!r}){more}")
