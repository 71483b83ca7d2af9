import numpy as np
import pytest

from app.independence.layout import Layout, layouts

COUNT, FEWER = 3, 2


@pytest.mark.parametrize(
    ("shape", "fewer", "expected"),
    [
        pytest.param((3, 5), (2, 5), [Layout(0)], id="a row each"),
        pytest.param((5, 3), (5, 2), [Layout(1)], id="in the second dimension"),
        pytest.param((6, 4), (4, 4), [Layout(0, 1), Layout(0, 2)], id="two numbers of each row, or two blocks of rows"),
        pytest.param((3, 3), (2, 2), [], id="two dimensions that change"),
        pytest.param((3,), (3,), [], id="none that changes"),
        pytest.param((7,), (4,), [], id="no number for each row"),
        pytest.param((6,), (6 - 1,), [], id="one number more for each row"),
        pytest.param((3, 1), (2,), [], id="another number of dimensions"),
    ],
)
def test_where_rows_may_lie_follows_from_the_shapes_of_two_batches(shape, fewer, expected):
    assert list(layouts(shape, fewer, COUNT, FEWER)) == expected


@pytest.mark.parametrize(
    ("layout", "rows"),
    [
        pytest.param(Layout(0, 1), [[0, 1], [2, 3], [4, 5]], id="together"),
        pytest.param(Layout(0, 2), [[0, 3], [1, 4], [2, 5]], id="in blocks"),
    ],
)
def test_the_numbers_of_a_row_are_taken_apart_and_chosen(layout, rows):
    array = np.arange(6)
    assert [layout.apart(array, COUNT)[:, row].ravel().tolist() for row in range(COUNT)] == rows
    chosen = layout.chosen(array, COUNT, (2, 0))
    assert [layout.apart(chosen, FEWER)[:, place].ravel().tolist() for place in range(FEWER)] == [rows[2], rows[0]]
