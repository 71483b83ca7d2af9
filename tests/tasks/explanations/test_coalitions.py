from itertools import permutations

import numpy as np
import pytest

from app.tasks.explanations.coalitions import left_out, losses, shapley_values, subsets


def by_definition(value, num_parts):
    """Shapley values: what a part adds, averaged over all orders in which parts may come."""
    found = np.zeros(num_parts)
    orders = list(permutations(range(num_parts)))
    for order in orders:
        kept = np.zeros(num_parts, bool)
        for part in order:
            before = value(kept)
            kept[part] = True
            found[part] += value(kept) - before
    return found / len(orders)


def with_interaction(kept):
    """Two parts that only count together, one that takes away, one of no effect."""
    return 2.0 * (kept[0] & kept[1]) - 0.5 * kept[2] + 3.0 * (kept[4] | kept[0])


def test_of_few_parts_there_is_every_subset_once_all_and_none_first():
    found = subsets(4, 16)
    assert len({tuple(row) for row in found}) == len(found) == 16
    assert found[0].all()
    assert not found[1].any()


def test_of_many_parts_there_are_as_many_subsets_as_were_asked_for_always_the_same():
    found = subsets(40, 128)
    assert found.shape == (128, 40)
    assert found[0].all()
    assert not found[1].any()
    assert (found[2::2] == ~found[3::2]).all()
    assert found[2:].sum(axis=1).min() > 0
    assert found[2:].sum(axis=1).max() < 40
    assert (subsets(40, 128) == found).all()


def test_with_every_subset_the_values_are_those_of_the_definition():
    kept = subsets(5, 32)
    found = shapley_values(kept, np.array([with_interaction(row) for row in kept]))
    assert found == pytest.approx(by_definition(with_interaction, 5), abs=1e-4)


@pytest.mark.parametrize("num_parts", [1, 2, 3, 7, 8, 20, 48])
def test_of_a_sum_each_part_weighs_what_it_adds(num_parts: int):
    weights = np.random.default_rng(num_parts).normal(size=(num_parts, 2))
    kept = subsets(num_parts, 128)
    found = shapley_values(kept, kept @ weights + [0.5, -3])
    # Of a sum, draws are enough as soon as there are more pairs than parts.
    assert found == pytest.approx(weights, abs=1e-2)
    assert found.sum(axis=0) == pytest.approx(weights.sum(axis=0), abs=1e-9)


def test_estimates_add_up_to_the_difference_between_all_and_none():
    kept = subsets(30, 64)
    values = np.random.default_rng(0).random(64)
    assert shapley_values(kept, values).sum() == pytest.approx(values[0] - values[1])


def test_what_is_lost_without_a_part_is_its_loss():
    kept = left_out(3)
    assert losses(kept @ np.array([1.0, -2.0, 0.25])) == pytest.approx([1, -2, 0.25])
