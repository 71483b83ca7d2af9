"""Series to learn and to be measured on, packaged or one's own, and what a card says because of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.repository.manifest import Source
from training.data.monthly_series import LEAST_LENGTH, SOURCE, Series, load_monthly_series
from training.data.origins import TEST_ORIGINS, TEST_SPLIT
from training.data.own.series import own_series
from training.data.own.source import given
from training.data.own.tables import FETCHED
from training.recipe import Run

GIVEN_SPLIT = "the months that are given as the test, up to 18 of them forecast from before them"


@dataclass(frozen=True, slots=True)
class Collected:
    """Series to learn and to be measured on, and what the card says because of them."""

    series: Sequence[Series]
    source: Source
    title: str
    dataset: str
    licence: str
    notes: str
    split: str = TEST_SPLIT
    remarks: Sequence[str] = ()
    limits: Sequence[str] = ()

    @property
    def is_own(self) -> bool:
        return self.source is not SOURCE


def packaged() -> Collected:
    series = load_monthly_series()
    return Collected(
        series,
        SOURCE,
        title="the M1, M3 and tourism competitions",
        dataset=f"{len(series)} monthly series of M1, M3 and the tourism competition",
        licence="Apache-2.0; its data is fetched, not included",
        notes="Version 1 had the mean of the last 5 % of the steps; that of the last 25 % was better on the validation "
        "origin. Both were measured on the test origins, so these were read twice.",
    )


def own(source: str) -> Collected:
    """Series of one's own. Raises TrainingError."""
    found = given(source, "dataset", FETCHED)
    series, files, remarks = own_series(found.folder)
    origin = found.source(files, used_for="training and evaluation")
    title = f"{len(series)} monthly series of {found.name}"
    return Collected(
        series,
        origin,
        title=title,
        dataset=title,
        licence=origin.licence,
        notes=f"Left out were series of fewer than {LEAST_LENGTH} months, those that repeat a year of another, and "
        "those that are the same every year. The settings of the training were chosen on the recipe's packaged data, "
        "not on this.",
        remarks=remarks,
        split=TEST_SPLIT if all(one.num_tested == max(TEST_ORIGINS) for one in series) else GIVEN_SPLIT,
        limits=["Its errors were measured on later months of the very series that it learned, and on no others."],
    )


def load_series(run: Run) -> Collected:
    """The packaged series, or those of `run.source`. Raises TrainingError."""
    return own(run.source) if run.source else packaged()
