import random
from itertools import cycle, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.generation.repetition import repeats


def over_and_over(piece: list[int], length: int) -> list[int]:
    return list(islice(cycle(piece), length))


@settings(deadline=None)
@given(
    before=st.lists(st.integers(0, 9), max_size=80),
    piece=st.lists(st.integers(0, 9), min_size=1, max_size=16),
    length=st.integers(64, 100),
)
def test_one_piece_over_and_over_repeats_whatever_came_before(before, piece, length) -> None:
    assert repeats(before + over_and_over(piece, length))
    assert repeats(tuple(before + over_and_over(piece, length)))


@settings(deadline=None)
@given(ids=st.lists(st.integers(0, 2), min_size=60, max_size=70), period=st.integers(1, 20))
def test_it_is_what_a_search_for_a_period_finds(ids, period) -> None:
    for some in (ids, over_and_over(ids[:period], len(ids))):
        last = some[-64:]
        is_circle = any(last == over_and_over(last[:size], 64) for size in range(4, 17))
        assert repeats(some) == (is_circle and len(some) >= 64)


@pytest.mark.parametrize(
    "ids",
    [
        pytest.param([], id="nothing"),
        pytest.param([7] * 63, id="one token less than is looked at"),
        pytest.param(over_and_over(list(range(17)), 200), id="a longer piece"),
        pytest.param([*over_and_over([1, 2, 3, 4], 200), 5], id="the circle is left"),
        pytest.param([*([1, 2, 3, 4] * 15), 1, 2, 9, 4], id="one token of 64 differs"),
        pytest.param([9, *([1, 2, 3, 4] * 15), 1, 2, 3], id="the circle is one token too young"),
        pytest.param(random.Random(0).choices(range(50), k=500), id="chance"),
    ],
)
def test_other_text_does_not_repeat(ids) -> None:
    assert not repeats(ids)
