"""Windows of a recording, each of which a model reads by itself: cut where nobody speaks."""

from collections.abc import Sequence
from typing import NamedTuple

from app.tasks.speech.features import WINDOW
from app.tasks.speech.recording import RATE
from app.tasks.speech.voice import Stretch

GOOD = WINDOW * 2 // 3  # samples from which on a window may end early, where the pause is longest
OVERLAP = 3 * RATE  # samples that two windows share where somebody speaks across the cut


class Window(NamedTuple):
    """Samples from `start` to `end`. The first of them are also in the window before, if it `overlaps` that."""

    start: int
    end: int
    overlaps: bool = False


def windows_of(stretches: Sequence[Stretch], num_samples: int) -> list[Window]:
    """Return windows of at most WINDOW samples that hold all stretches of speech.

    A recording that fits into one window is read whole. A pause longer than a window is in none.
    """
    if not stretches:
        return []
    if num_samples <= WINDOW:
        return [Window(0, num_samples)]
    windows: list[Window] = []
    left = list(stretches)[::-1]  # the next one last
    overlaps = False
    while left:
        start = left[-1].start
        fitting = [one for one in left if one.end - start <= WINDOW]
        if not fitting:
            windows.append(Window(start, start + WINDOW, overlaps))
            left[-1], overlaps = Stretch(start + WINDOW - OVERLAP, left[-1].end), True
            continue
        last = _last(left[-len(fitting) :], left[-len(fitting) - 1] if len(fitting) < len(left) else None, start)
        windows.append(Window(start, last.end, overlaps))
        left, overlaps = left[: left.index(last)], False
    return windows


def _last(fitting: Sequence[Stretch], beyond: Stretch | None, start: int) -> Stretch:
    """Return the stretch that a window ends with: of those far enough from its start, that before the longest pause."""
    if beyond is None:
        return fitting[0]
    following = [beyond, *fitting[:-1]]
    good = [
        (after.start - one.end, one) for one, after in zip(fitting, following, strict=True) if one.end - start >= GOOD
    ]
    return max(good)[1] if good else fitting[0]
