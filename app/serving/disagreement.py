"""The difference between two answers to one question: those of two versions of a model."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from app.serving.raw import RawAnswer
from app.tasks.contract import Contract
from app.tasks.view import to_json
from app.tensors import Array

NAMES = ("label", "item", "token_str", "answer")  # of what has a score, as tasks call it
NUMBERS = "biuf"  # kinds of dtypes
CLOSE = 0.01  # numbers that differ by this share of the largest say the same


class Difference(NamedTuple):
    """`is_other`: they say something else. `largest`: of their scores, or of their numbers as a share of the largest
    one; None where there are none to compare.
    """

    is_other: bool
    largest: float | None = None


def difference_of(ours: Any, theirs: Any, contract: Contract | None) -> Difference:
    """Compare outputs of one question. Without a contract they are answers in tensors.

    Of what has scores, the first names are compared, and the score of each name that both have; of what is made of
    numbers alone, all numbers; of the rest, whether the part is equal that golden examples compare.
    """
    if isinstance(ours, RawAnswer) and isinstance(theirs, RawAnswer):
        return _of_arrays(ours.tensors, theirs.tensors)
    ours, theirs = to_json(ours), to_json(theirs)
    names = next((name for name in NAMES if _are_scored(ours, name) and _are_scored(theirs, name)), None)
    if names is not None:
        return _of_scores({one[names]: one["score"] for one in ours}, {one[names]: one["score"] for one in theirs})
    if contract is not None:
        ours, theirs = contract.comparable(ours), contract.comparable(theirs)
    numbers, others = list(_leaves(ours)), list(_leaves(theirs))
    if numbers and all(_is_number(one) for one in (*numbers, *others)):
        return _of_numbers(np.array(numbers, float), np.array(others, float))
    return Difference(ours != theirs)


def _are_scored(output: Any, name: str) -> bool:
    if not isinstance(output, list) or not output:
        return False
    return all(isinstance(one, dict) and name in one and _is_number(one.get("score")) for one in output)


def _of_scores(ours: Mapping[Any, float], theirs: Mapping[Any, float]) -> Difference:
    apart = [abs(score - theirs[name]) for name, score in ours.items() if name in theirs]
    return Difference(next(iter(ours)) != next(iter(theirs)), max(apart, default=1.0))


def _of_arrays(ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> Difference:
    if ours.keys() != theirs.keys():
        return Difference(True)
    return most([_of_tensor(ours[name], theirs[name]) for name in ours])


def _of_tensor(ours: Array, theirs: Array) -> Difference:
    if ours.dtype.kind in NUMBERS and theirs.dtype.kind in NUMBERS:
        return _of_numbers(ours.astype(float), theirs.astype(float))
    return Difference(not np.array_equal(ours, theirs))


def _of_numbers(ours: Array, theirs: Array) -> Difference:
    if ours.shape != theirs.shape:
        return Difference(True, 1.0)
    both = np.abs(np.stack([ours, theirs]))
    scale = both.max(initial=0.0, where=np.isfinite(both))
    apart = ours != theirs  # and so is what is no number, unless both are none
    apart &= ~(np.isnan(ours) & np.isnan(theirs))
    with np.errstate(invalid="ignore"):
        shares = np.abs(ours[apart] - theirs[apart]) / (scale or 1.0)
    largest = float(np.nan_to_num(shares, nan=1.0, posinf=1.0).max(initial=0.0))
    return Difference(largest > CLOSE, largest)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    else:
        yield value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def most(differences: Sequence[Difference]) -> Difference:
    """Return what is told of a request: whether one of its outputs says something else, and the largest difference."""
    numbers = [one.largest for one in differences if one.largest is not None]
    return Difference(any(one.is_other for one in differences), max(numbers, default=None))
