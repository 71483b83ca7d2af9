"""The figures of a version in its role, as they are told and as metrics."""

import pytest

from app.errors import InferenceFailed, InvalidInput
from app.serving.disagreement import Difference
from app.serving.figures import KEPT_SECONDS, Figures
from app.telemetry import Telemetry


@pytest.fixture
def telemetry():
    return Telemetry()


def new(telemetry, role="canary"):
    return Figures("m", 4, role, telemetry.traffic)


def value(telemetry, name, **labels):
    return telemetry.registry.get_sample_value(name, {"model": "m", "version": "4", **labels})


def test_percentiles_are_those_of_the_latest_answers(telemetry):
    figures = new(telemetry)
    assert figures.told().seconds == {}
    for seconds in range(100, 0, -1):
        figures.answered(seconds / 100)
    assert figures.told().seconds == {50: 0.51, 95: 0.96, 99: 1.0}
    for _ in range(KEPT_SECONDS):
        figures.answered(2.0)
    assert figures.told().seconds == {50: 2.0, 95: 2.0, 99: 2.0}
    assert value(telemetry, "tessera_traffic_seconds_count", role="canary") == 100 + KEPT_SECONDS


def test_what_a_caller_did_wrong_is_no_failure_of_the_version(telemetry):
    figures = new(telemetry)
    figures.answered(0.1)
    figures.failed(InvalidInput("no"))
    figures.failed(InferenceFailed("broken"))
    told = figures.told()
    assert (told.requests, told.failures) == (3, 1)
    assert told.errors == {"InvalidInput": 1, "InferenceFailed": 1}
    assert value(telemetry, "tessera_traffic_failures_total", role="canary", error="InferenceFailed") == 1


def test_only_of_a_shadow_it_is_told_how_it_agrees(telemetry):
    assert new(telemetry).told().agreement is None
    figures = new(telemetry, "shadow")
    assert figures.told().agreement.mean_difference is None
    for found in (Difference(False, 0.1), Difference(True, 0.3), Difference(True)):
        figures.compared(found)
    figures.dropped("busy")
    agreement = figures.told().agreement
    assert (agreement.answers, agreement.disagreed, agreement.dropped) == (3, 2, {"busy": 1})
    assert (agreement.mean_difference, agreement.largest_difference) == (pytest.approx(0.2), 0.3)
    assert value(telemetry, "tessera_shadow_disagreement_total") == 2
    assert value(telemetry, "tessera_shadow_compared_total") == 3
    assert value(telemetry, "tessera_shadow_difference_count") == 2
    assert value(telemetry, "tessera_shadow_dropped_total", reason="busy") == 1
