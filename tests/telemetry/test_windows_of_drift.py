"""The windows in which the latest answers are counted."""

from copy import deepcopy

from app.telemetry.drift import HALF, AnswerWindow, DriftCounts
from app.telemetry.statistics import Statistics, sum_of


def test_a_window_has_the_latest_thousand_to_two_thousand():
    window = AnswerWindow.of(2)
    for _ in range(HALF):
        window.add(0)
    assert window.counts == [HALF, 0]
    for _ in range(HALF - 1):
        window.add(1)
    assert window.counts == [HALF, HALF - 1]
    window.add(1)
    assert window.counts == [0, HALF]


def test_a_copy_stays_as_it_is():
    statistics = Statistics(drift=DriftCounts(1, {"x": AnswerWindow.of(2)}))
    before = statistics.copy()
    statistics.drift.windows["x"].add(1)
    assert before.drift.counts == {"x": [0, 0]}
    assert deepcopy(statistics).drift.counts == {"x": [0, 1]}


def test_replicas_that_are_there_count_together_and_what_is_gone_does_not_count_any_more():
    parts = [Statistics(drift=DriftCounts(3, {"x": AnswerWindow([1, 2], [0, 0])})) for _ in range(2)]
    gone = Statistics()
    gone.add_all(parts[0])
    whole = sum_of([gone, *parts, Statistics()])
    assert (whole.drift.answers, whole.drift.counts) == (6, {"x": [2, 4]})
    assert parts[0].drift.counts == {"x": [1, 2]}
    assert sum_of([gone]).drift is None
