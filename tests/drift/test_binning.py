"""From measured answers to the bins of a reference."""

import json
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.drift.binning import LEAST_ANSWERS, reference_of
from app.repository.reference import NameBins, NumberBins, Reference


def bins_of(values):
    reference = reference_of([{"x": value} for value in values], "d", "s")
    assert reference is not None
    return reference.measures["x"]


ANY = st.one_of(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=12),
    st.lists(st.sampled_from([0.0, 1.0, 0.9999999, -3.5]), min_size=1, max_size=12),
    st.lists(st.text(max_size=3), min_size=1, max_size=12),
).map(lambda values: LEAST_ANSWERS * values)


@settings(max_examples=25)
@given(ANY)
def test_each_value_lies_in_the_bin_that_counted_it_also_after_json(values):
    bins = bins_of(values)
    assert sum(bins.counts) == len(values)
    again = type(bins).model_validate_json(bins.model_dump_json())
    counts = [0] * len(again.counts)
    for value in values:
        counts[again.bin_of(value)] += 1
    assert tuple(counts) == bins.counts


@settings(max_examples=25)
@given(ANY, st.floats(allow_nan=False))
def test_any_other_number_lies_in_a_bin(values, other):
    bins = bins_of(values)
    assert 0 <= bins.bin_of(other) < len(bins.counts)


def test_a_number_that_all_are_has_a_bin_of_its_own():
    bins = bins_of([784.0] * 200)
    assert bins.counts == (0, 200, 0)
    assert [bins.bin_of(one) for one in (700, 784, 784.00001, 900)] == [0, 1, 1, 2]


def test_a_score_of_one_has_a_bin_of_its_own_on_any_processor():
    bins = bins_of([0.5 + i / 1000 for i in range(100)] + [1.0] * 100)
    assert bins.bin_of(0.99999994) == bins.bin_of(1.0) != bins.bin_of(0.95)


def test_neither_the_least_nor_the_largest_value_is_told():
    bins = bins_of([float(one) for one in range(1, 1001)])
    assert isinstance(bins, NumberBins)
    assert (bins.edges[0], bins.edges[-1]) == (100.0, 900.0)
    assert bins.counts == (100,) * 10


def test_of_few_answers_there_are_fewer_bins():
    assert bins_of([float(one) for one in range(1, 101)]).counts == (20,) * 5


def test_the_most_frequent_names_have_bins_and_the_rest_one_together():
    bins = bins_of([f"{i % 20 if i < 100 else 7}" for i in range(200)])
    assert isinstance(bins, NameBins)
    assert (len(bins.names), bins.names[0]) == (9, "7")
    assert bins.bin_of("unheard") == bins.bin_of("\ud800") == 9


def test_what_is_no_number_and_what_few_have_is_left_out():
    found = reference_of([{"a": nan, "b": inf, "c": 1, **({"d": 2} if i < 50 else {})} for i in range(100)], "d", "s")
    assert found is not None
    assert set(found.measures) == {"c"}
    assert reference_of([{"c": 1}] * (LEAST_ANSWERS - 1), "d", "s") is None
    with pytest.raises(ValueError, match="NaN"):
        found.measures["c"].bin_of(nan)


@pytest.mark.parametrize(
    "bins",
    [
        {"edges": [2, 1], "counts": [1, 1, 1]},
        {"edges": [1], "counts": [1]},
        {"edges": [1], "counts": [0, 0]},
        {"edges": [], "counts": [1]},
        {"edges": [1], "counts": [1, -1]},
        {"names": ["a", "a"], "counts": [1, 1, 1]},
        {"names": ["a"] * 101, "counts": [1] * 102},
        {"edges": [1e999], "counts": [1, 1]},
    ],
    ids=json.dumps,
)
def test_bins_that_cannot_be_are_refused(bins):
    with pytest.raises(ValidationError):
        Reference.model_validate({"dataset": "d", "split": "s", "answers": 1, "measures": {"x": bins}})
