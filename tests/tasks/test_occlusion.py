import numpy as np
import pytest

from app.tasks.occlusion import GRID, cells, shown, without


@pytest.mark.parametrize("size", [8, 12, 30, 224])
def test_what_is_hidden_has_the_colour_of_the_filling_and_all_else_is_as_it_was(size):
    square = np.random.default_rng(0).integers(1, 255, (size, size, 3), np.uint8)
    number = min(GRID, size)
    hidden = np.zeros((number, number), np.bool_)
    hidden[0, :2] = hidden[-1, -1] = True
    row = without(square, np.zeros(3, np.uint8), hidden)
    assert row["image"] is square  # held once, however many rows there are of it
    seen, place = shown(row), cells(size)
    is_hidden = hidden[place[:, np.newaxis], place]
    assert not seen[is_hidden].any()
    np.testing.assert_array_equal(seen[~is_hidden], square[~is_hidden])


def test_a_row_that_hides_nothing_is_shown_as_it_is():
    square = np.zeros((8, 8, 3), np.uint8)
    assert shown({"image": square}) is square
