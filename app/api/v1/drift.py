"""The part of a card that compares what a version is asked and says with its training."""

from typing import Annotated

from pydantic import BaseModel, Field

from app.drift.comparison import LEAST_ANSWERS, MeasuredDrift, Verdict, drift_of
from app.serving.engine import ModelStatus


class MeasureDrift(BaseModel):
    """`ks` is a lower bound of the statistic of Kolmogorov and Smirnov, from what lies in each bin; null of names."""

    measure: str
    answers: Annotated[int, Field(description=f"the latest that are compared; fewer than {LEAST_ANSWERS} are not")]
    psi: Annotated[float | None, Field(description="population stability index")]
    ks: float | None
    state: Annotated[Verdict, Field(description="stable below a psi of .1, moderate to .2, and shifted above")]


class ModelDrift(BaseModel):
    """The latest answers of this process by the version that answers by default, beside those that its manifest has.

    `reason` says why there is nothing to compare.
    """

    dataset: str = ""
    split: str = ""
    answers: Annotated[int, Field(description="of the reference")] = 0
    measures: list[MeasureDrift] = []
    reason: str = ""


def drift(status: ModelStatus) -> ModelDrift:
    reference = status.manifest.reference if status.manifest else None
    if status.manifest is None or reference is None:
        return ModelDrift(reason="its version has no reference" if status.manifest else "no version answers")
    told = next((one.statistics for one in status.versions if one.version == status.manifest.version), None)
    counts = told.drift if told else None
    reason = "" if counts else "no answers are compared here (TESSERA_DRIFT=off)"
    return ModelDrift(
        dataset=reference.dataset,
        split=reference.split,
        answers=reference.answers,
        measures=[_told(one) for one in drift_of(reference, counts.counts)] if counts else [],
        reason=reason,
    )


def _told(one: MeasuredDrift) -> MeasureDrift:
    psi, ks = (None if number is None else round(number, 4) for number in (one.psi, one.ks))
    return MeasureDrift(measure=one.measure, answers=one.answers, psi=psi, ks=ks, state=one.verdict)
