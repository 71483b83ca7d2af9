"""Monthly series of one's own."""

from pathlib import Path

import numpy as np
import pandas as pd

from training.data.monthly_series import LEAST_LENGTH, Series, distinct
from training.data.tables import LONGEST_QUOTE, read_tables, refuse
from training.forecasting import SEASON, TEST_ORIGINS
from training.recipe import TrainingError, progress

MONTH = r"[0-9]{4}-(?:0[1-9]|1[0-2])"


def own_series(folder: Path) -> tuple[list[Series], list[Path]]:
    """Monthly series of one's own, from `*.csv`, and the files.

    A row is a month of a series, in any order. Kept is what `distinct` keeps, unless it was the same year after year
    until the test: its errors would have no unit. Raises TrainingError, also if a series has gaps or none is kept.
    """
    months, files = _read_months(folder)
    found = [Series(str(name), "", rows.value.to_numpy(np.float64)) for name, rows in months.groupby("series")]
    kept = [one for one in distinct(one for one in found if len(one.values) >= LEAST_LENGTH) if _changes(one)]
    if not kept:
        raise TrainingError(f"{folder} has no series to learn from: {_why_none(found)}")
    if len(kept) < len(found):
        progress(
            f"{len(kept)} of {len(found)} series are used; the others are shorter than {LEAST_LENGTH} months, repeat a "
            "year of another, or are the same every year"
        )
    return kept, files


def _read_months(folder: Path) -> tuple[pd.DataFrame, list[Path]]:
    """Rows `series`, `month` and `value` by series and month, without a gap in any series."""
    months, files = read_tables(folder, required=("series", "month", "value"))
    refuse(months, months.series == "", "series", "no name of a series")
    refuse(months, ~months.month.str.fullmatch(MONTH), "month", "a month that is not YYYY-MM")
    months["text"], months["value"] = months.value, pd.to_numeric(months.value, errors="coerce")
    refuse(months, ~np.isfinite(months.value), "text", "a value that is not a finite number")
    refuse(months, months.duplicated(["series", "month"]), "month", "a month that its series has twice")
    months = months.sort_values(["series", "month"], ignore_index=True)
    number = months.month.str[:4].astype(int) * 12 + months.month.str[5:].astype(int)
    months["before"] = [f"{(each - 2) // 12:04}-{(each - 2) % 12 + 1:02}" for each in number]
    is_after_gap = number.groupby(months.series).diff() > 1
    refuse(months, is_after_gap, "before", "the month before this one is missing from its series")
    return months, files


def _changes(series: Series) -> bool:
    known = series.values[: -max(TEST_ORIGINS)]
    return bool((known[SEASON:] != known[:-SEASON]).any())


def _why_none(found: list[Series]) -> str:
    longest = max(found, key=lambda one: len(one.values))
    if len(longest.values) < LEAST_LENGTH:
        name = longest.name[:LONGEST_QUOTE]
        return f"it takes {LEAST_LENGTH} months, and the longest, {name!r}, has {len(longest.values)}"
    return f"those of {LEAST_LENGTH} months or more repeat a year of another, or are the same every year"
