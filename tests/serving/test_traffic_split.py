"""Who is of the canary: evenly drawn, always the same, and more of them with a larger share."""

import pytest
from engines import near_engine

from app.repository.traffic import CanaryRule, TrafficRule
from app.serving.engine import Asker
from app.serving.split import TrafficSplit, drawn
from app.telemetry import Telemetry

CALLERS = [Asker(f"key customer-{i}", f"request-{i}") for i in range(20_000)]


@pytest.fixture
def split(tmp_path):
    engine = near_engine(tmp_path)  # nobody asks it

    def make(share, version=4, by="caller", name="m"):
        rule = TrafficRule(default=3, canary=CanaryRule(version=version, share=share, by=by))
        return TrafficSplit(name, rule, engine, Telemetry().traffic)

    return make


def of_canary(split, askers=CALLERS):
    return {asker for asker in askers if split.is_of_canary(asker)}


@pytest.mark.parametrize("by", ["caller", "request"])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_a_share_is_what_it_says_within_four_standard_deviations(split, share, by):
    # The draw depends on names alone, so that this is the same every time.
    expected, deviation = share * len(CALLERS), (len(CALLERS) * share * (1 - share)) ** 0.5
    assert abs(len(of_canary(split(share, by=by))) - expected) < 4 * deviation


def test_nobody_is_of_nothing_and_everybody_of_all(split):
    assert not of_canary(split(0.0))
    assert len(of_canary(split(1.0))) == len(CALLERS)


def test_a_caller_stays_on_his_side_whatever_he_asks_and_however_often_it_is_restarted(split):
    caller = Asker("key a", "1")
    chosen = {split(0.5).is_of_canary(caller._replace(request_id=str(i))) for i in range(50)}
    assert len(chosen) == 1


def test_whoever_is_of_a_small_share_is_of_a_larger_one(split):
    assert of_canary(split(0.05)) < of_canary(split(0.5))


def test_another_version_and_another_model_have_other_callers(split):
    half = of_canary(split(0.5))
    for other in (of_canary(split(0.5, version=5)), of_canary(split(0.5, name="n"))):
        assert 0.45 < len(half & other) / len(half) < 0.55


def test_for_whom_one_caller_asks_decides_as_well(split):
    one = [Asker("key service", "same", f"user {i}") for i in range(1000)]
    assert 400 < len(of_canary(split(0.5), one)) < 600


def test_of_one_caller_a_share_of_the_requests_is_drawn_where_that_is_asked_for(split):
    one = [Asker("key service", f"request {i}") for i in range(1000)]
    assert 400 < len(of_canary(split(0.5, by="request"), one)) < 600
    assert len(of_canary(split(0.5), one)) in (0, 1000)


def test_a_draw_is_the_same_on_every_machine():
    assert drawn("m", "canary", 4, "key a\n") == 0.7243470686972981
    assert 0 <= drawn("\udcff") < 1
