import numpy as np
import pytest

from training.data.event_log import MAX_HISTORY, left_pad
from training.loop.next_event import EventWindows


def test_windows_are_padded_from_the_left_and_keep_the_newest() -> None:
    assert left_pad([[1, 2], [1, 2, 3, 4]], 3).tolist() == [[0, 1, 2], [2, 3, 4]]


@pytest.mark.parametrize("length", [2, 50, 51, 52, 200])
def test_every_event_but_the_first_is_predicted_in_each_epoch(length: int) -> None:
    history = list(range(length))
    for seed in range(20):
        dataset = EventWindows([history], seed)
        assert len(dataset) == len(EventWindows([history], 0))
        windows = [window for window in dataset.windows if window]
        assert max(map(len, windows)) <= MAX_HISTORY + 1
        assert {event for window in windows for event in window[1:]} == set(history[1:])
        assert all(np.all(np.diff(window) == 1) for window in windows)


def test_each_epoch_cuts_elsewhere_and_the_same_one_alike() -> None:
    dataset = EventWindows([list(range(200))], seed=0)
    first = list(dataset.windows)
    dataset.set_epoch(1)
    assert dataset.windows != first
    dataset.set_epoch(0)
    assert dataset.windows == first
