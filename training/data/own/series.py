"""Monthly series of one's own."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from app.tensors import Array
from training.data.monthly_series import LEAST_LENGTH, Series, distinct, years_of
from training.data.origins import SEASON, TEST_ORIGINS
from training.data.own.splits import JUDGING, also_judged, given_remarks, refuse_no_training
from training.data.own.tables import LONGEST_QUOTE, MOST_WRONG, read_tables, refuse, refuse_other_splits
from training.errors import TrainingError

MONTH = r"[0-9]{4}-(?:0[1-9]|1[0-2])"
LEAST_KNOWN = 2 * SEASON  # months before a test that is given
MOST_TESTED = max(TEST_ORIGINS)


def own_series(folder: Path) -> tuple[list[Series], list[Path], list[str]]:
    """Monthly series of one's own, from `*.csv`, the files, and remarks for the card.

    A row is a month of a series, in any order. Kept is what `distinct` keeps, unless it was the same year after year
    until the test: its errors would have no unit. Splits may be given, of series or of their last months: then the test
    is kept, and what is given to judge by, or repeats a year of another series' test, is not learned.
    A series that has two values for a month, or a gap, is left out. Raises TrainingError, also if more than MOST_WRONG
    of all are left out so, or none is kept.
    """
    months, files, remarks = _read_months(folder)
    found = [_series(str(name), rows) for name, rows in months.groupby("series")]
    if (months.given == "test").any():
        kept, more = _with_given_test(found, folder)
        remarks += more
    else:
        found = [
            replace(one, num_unlearned=max(one.num_unlearned, MOST_TESTED), num_tested=MOST_TESTED) for one in found
        ]
        kept = [one for one in distinct(one for one in found if len(one.values) >= LEAST_LENGTH) if _can_be_tested(one)]
    if not kept:
        raise TrainingError(f"{folder} has no series to learn from: {_why_none(found)}")
    if len(kept) < len(found):
        remarks.append(
            f"{len(kept)} of {len(found)} series are used; the others are shorter than {LEAST_LENGTH} months, repeat a "
            "year of another, or are the same every year."
        )
    return kept, files, remarks


def _series(name: str, months: pd.DataFrame) -> Series:
    """In the order of time; its splits are as they are given."""
    is_judging = months.given.isin(JUDGING).to_numpy()
    return Series(
        name,
        "",
        months.value.to_numpy(np.float64),
        num_unlearned=int(is_judging.sum()),
        num_tested=int((months.given == "test").sum()),
    )


def _with_given_test(found: Sequence[Series], folder: Path) -> tuple[list[Series], list[str]]:
    tested = [one for one in found if one.num_tested and _can_be_tested(one)]
    if not tested:
        raise TrainingError(
            f"{folder} has no series that can be tested: it takes {LEAST_KNOWN} months before those of the test, and "
            "not the same ones every year"
        )
    testing = defaultdict(set)  # names of series by a year of their test
    for one in tested:
        for year in years_of(one.values[-(one.num_tested + SEASON - 1) :]):
            testing[year].add(one.name)
    copies = [one.name for one in found if any(testing[year] - {one.name} for year in years_of(one.learned))]
    others = distinct(one for one in found if not one.num_tested and one.name not in copies)
    kept = [replace(one, num_unlearned=len(one.values)) if one.name in copies else one for one in (*tested, *others)]
    remark = f"{len(copies)} series were not learned from, since they repeat a year of another one's test."
    return kept, [remark] if copies else []


def _read_months(folder: Path) -> tuple[pd.DataFrame, list[Path], list[str]]:
    """Rows `series`, `month`, `value` and `given` by series and month, of the series that have each month once."""
    months, files = read_tables(folder, required=("series", "month", "value"))
    refuse_other_splits(months)
    refuse_no_training(months.given, str(folder))
    refuse(months, months.series == "", "series", "no name of a series")
    refuse(months, ~months.month.str.fullmatch(MONTH), "month", "a month that is not YYYY-MM")
    months["text"], months["value"] = months.value, pd.to_numeric(months.value, errors="coerce")
    refuse(months, ~np.isfinite(months.value), "text", "a value that is not a finite number")
    is_copy = also_judged(months.given.where(months.given.isin(JUDGING), "train"), months.series + "\n" + months.month)
    remarks = given_remarks(months.given)
    if is_copy.any():
        remarks.append(f"{is_copy.sum()} months were not learned from, since a split that judges has them as well.")
    months = months[~is_copy].drop_duplicates(["series", "month", "value", "given"])
    months = months.sort_values(["series", "month"], ignore_index=True)
    is_second = months.duplicated(["series", "month"])
    number = months.month.str[:4].astype(int) * 12 + months.month.str[5:].astype(int)
    months["before"] = [f"{(each - 2) // 12:04}-{(each - 2) % 12 + 1:02}" for each in number]
    is_after_gap = number.groupby(months.series).diff() > 1
    wrong = set(months.series[is_second | is_after_gap])
    if len(wrong) > MOST_WRONG * months.series.nunique():
        refuse(months, is_second, "month", "a month that its series has twice")
        refuse(months, is_after_gap, "before", "the month before this one is missing from its series")
    if wrong:
        remarks.append(f"{len(wrong)} series were left out, which have two values for a month or lack one between.")
    months = months[~months.series.isin(wrong)].reset_index(drop=True)
    order = months.given.map({"validation": 1, "test": 2}).fillna(0)
    is_early = order.groupby(months.series).diff() < 0
    refuse(
        months, is_early, "month", "a month to learn from after one that judges, which must be the last of its series"
    )
    return months, files, remarks


def _can_be_tested(series: Series) -> bool:
    """Is it known for long enough before its test, and not the same every year until then?"""
    known: Array = series.values[: -series.origins[0]]
    return len(known) >= LEAST_KNOWN and bool((known[SEASON:] != known[:-SEASON]).any())


def _why_none(found: Sequence[Series]) -> str:
    longest = max(found, key=lambda one: len(one.values))
    if len(longest.values) < LEAST_LENGTH:
        name = longest.name[:LONGEST_QUOTE]
        return f"it takes {LEAST_LENGTH} months, and the longest, {name!r}, has {len(longest.values)}"
    return f"those of {LEAST_LENGTH} months or more repeat a year of another, or are the same every year"
