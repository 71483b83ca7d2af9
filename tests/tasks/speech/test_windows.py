"""Windows of up to 30 s, cut where nobody speaks."""

from itertools import pairwise

import numpy as np
import pytest

from app.tasks.speech.features import WINDOW
from app.tasks.speech.recording import RATE
from app.tasks.speech.voice import Stretch
from app.tasks.speech.windows import OVERLAP, windows_of


def seconds(*stretches: tuple[float, float], of: float = 3600) -> list[tuple[float, float, bool]]:
    found = windows_of([Stretch(round(a * RATE), round(b * RATE)) for a, b in stretches], round(of * RATE))
    return [(one.start / RATE, one.end / RATE, one.overlaps) for one in found]


def test_what_fits_into_a_window_is_read_whole_if_anybody_speaks():
    assert seconds((2, 3), of=30) == [(0, 30, False)]
    assert seconds(of=30) == []


def test_a_cut_is_at_the_longest_pause_of_the_last_third():
    assert seconds((0, 8), (12, 21), (22, 25), (25.5, 29), (29.2, 40)) == [(0, 21, False), (22, 40, False)]
    assert seconds((0, 8), (12, 21), (22, 24), (26, 29), (29.2, 40)) == [(0, 24, False), (26, 40, False)]


def test_long_pauses_are_in_no_window():
    assert seconds((10, 12), (100, 101), (500, 520)) == [(10, 12, False), (100, 101, False), (500, 520, False)]


def test_windows_overlap_where_there_is_no_pause_to_cut_at():
    assert seconds((5, 75)) == [(5, 35, False), (32, 62, True), (59, 75, True)]
    assert seconds((5, 40), (41, 43)) == [(5, 35, False), (32, 43, True)]


@pytest.mark.parametrize("seed", range(20))
def test_all_speech_is_in_windows_in_order(seed):
    random = np.random.default_rng(seed)
    edges = np.cumsum(random.integers(1, 40 * RATE, 40) * random.choice([0.02, 1], 40)).astype(int)
    stretches = [Stretch(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
    windows = windows_of(stretches, int(edges[-1]))
    assert all(0 < one.end - one.start <= WINDOW for one in windows)
    heard = {n for one in windows for n in range(one.start // 100, one.end // 100 + 1)}
    assert all(set(range(one.start // 100, one.end // 100)) <= heard for one in stretches)
    for before, after in pairwise(windows):
        shared = before.end - after.start
        assert shared == OVERLAP if after.overlaps else shared <= 0
