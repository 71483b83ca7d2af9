"""The reference of a version: what is measured of questions that it did not learn from, and of its answers to them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from app.drift.binning import LEAST_ANSWERS, reference_of
from app.drift.measures import Measured, measure_of
from app.errors import InvalidInput
from app.repository.reference import Reference
from app.tasks.view import Prepared, View
from app.tensors import Session
from training.errors import progress
from training.recipe import HeldOut

AT_A_TIME = 16  # items, whose rows are computed together


def distributions(view: View[Any], sessions: Mapping[str, Session], sample: HeldOut) -> Reference | None:
    """Return the reference by a sample of questions; None of too few, or of a kind of which nothing is measured.

    What the model refuses is left out, as it is where it is served.
    """
    measured = _measured(view, sessions, sample.items)
    reference = reference_of(measured, sample.dataset, sample.split)
    if reference is None:
        progress(f"no reference for drift: {len(measured)} answers were measured, and {LEAST_ANSWERS} are needed")
    return reference


def _measured(view: View[Any], sessions: Mapping[str, Session], items: Sequence[Any]) -> list[Measured]:
    """Measure each answer to a caller who chooses no parameters."""
    measure = measure_of(view)
    if measure is None:
        return []
    view.kernel.prepare_with(sessions)
    parameters, found = view.contract.Parameters(), []
    for start in range(0, len(items), AT_A_TIME):
        read = [_asked(view, item, parameters) for item in items[start : start + AT_A_TIME]]
        asked = [one for one in read if one is not None]
        rows = [row for _, prepared in asked for row in prepared.rows]
        answers = iter(view.kernel.run(sessions, rows) if rows else ())
        for item, prepared in asked:
            mine = [next(answers) for _ in prepared.rows]
            found.append(measure(item, prepared, mine, view.postprocess(prepared, mine, parameters)))
    return found


def _asked(view: View[Any], item: Any, parameters: Any) -> tuple[Any, Prepared] | None:
    try:
        read = view.contract.Input.model_validate(item)
        return read, view.preprocess(read, parameters)
    except (ValidationError, InvalidInput):
        return None
