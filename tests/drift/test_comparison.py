"""The two distances between binned distributions: their properties, and known values."""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from app.drift.comparison import LEAST_ANSWERS, drift_of, largest_gap, stability_index
from app.repository.reference import NameBins, NumberBins, Reference

COUNTS = st.integers(0, 5000)


def pairs() -> st.SearchStrategy[list[tuple[int, int]]]:
    """Counts then and now, by bin."""
    return st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=12).filter(
        lambda both: all(sum(one) for one in zip(*both, strict=True))
    )


@given(pairs())
def test_neither_is_negative_and_the_gap_is_a_share(both):
    then, now = zip(*both, strict=True)
    assert stability_index(then, now) >= 0
    assert 0 <= largest_gap(then, now) <= 1


@given(pairs())
def test_both_are_the_same_in_either_direction(both):
    then, now = zip(*both, strict=True)
    assert stability_index(then, now) == pytest.approx(stability_index(now, then), abs=1e-9)
    assert largest_gap(then, now) == largest_gap(now, then)


@given(st.lists(COUNTS, min_size=1, max_size=12).filter(sum), st.integers(1, 50))
def test_the_same_shares_are_no_distance_however_many_there_are(then, times):
    now = [times * one for one in then]
    assert stability_index(then, now) == pytest.approx(0, abs=1e-9)
    assert largest_gap(then, now) == pytest.approx(0, abs=1e-12)


@given(pairs())
def test_the_gap_is_scipys_of_binned_data(both):
    then, now = zip(*both, strict=True)
    expected = ks_2samp(*(np.repeat(np.arange(len(one)), one) for one in (then, now)), method="asymp").statistic
    assert largest_gap(then, now) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.floats(-5, 5), min_size=20, max_size=60), st.lists(st.floats(-5, 5), min_size=20, max_size=60))
def test_the_gap_of_bins_is_a_lower_bound_of_that_of_all_numbers(then, now):
    edges = np.linspace(-4, 4, 9)
    binned = [np.bincount(np.searchsorted(edges, one), minlength=10).tolist() for one in (then, now)]
    assert largest_gap(*binned) <= ks_2samp(then, now, method="asymp").statistic + 1e-12


def test_known_indices():
    assert stability_index([50, 50], [40, 60]) == pytest.approx(0.1 * log(1.5))
    assert stability_index([10, 90], [90, 10]) == pytest.approx(1.6 * log(9))
    # The empty bin counts as half an answer of a hundred.
    assert stability_index([50, 50, 0], [40, 50, 10]) == pytest.approx(-0.1 * log(0.8) + 0.095 * log(20))


def test_of_too_few_answers_nothing_is_said_and_names_have_no_order():
    reference = Reference(
        dataset="d",
        split="s",
        answers=100,
        measures={
            "length": NumberBins(edges=(1.0,), counts=(50, 50)),
            "label": NameBins(names=("a",), counts=(60, 40)),
            "unheard": NumberBins(edges=(1.0,), counts=(50, 50)),
        },
    )
    few = drift_of(reference, {"length": [LEAST_ANSWERS - 1, 0]})
    assert [(one.psi, one.ks, one.verdict) for one in few] == 3 * [(None, None, "too few answers")]
    length, label, unheard = drift_of(reference, {"length": [150, 50], "label": [120, 80], "other": [1]})
    assert (length.ks, length.verdict) == (0.25, "shifted")
    assert (label.psi, label.ks, label.verdict) == (pytest.approx(0), None, "stable")
    assert unheard.answers == 0
    (between, *_) = drift_of(reference, {"length": [130, 70]})
    assert between.verdict == "stable"
    (between, *_) = drift_of(reference, {"length": [140, 60]})
    assert between.verdict == "moderate"
