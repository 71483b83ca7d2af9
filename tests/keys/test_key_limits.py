"""The limits of a key, by a clock that the test sets."""

from datetime import UTC, datetime

import pytest

from app.errors import Forbidden, LimitReached
from app.keys import Key
from app.keys.limits import Allowance, Bucket, Meter, Meters
from app.keys.terms import Rate

DAY = 86_400


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def key(**terms) -> Key:
    return Key(name="laptop", start="tessera_00000000", sha256="0" * 64, created=datetime.now(UTC), **terms)


def taken(bucket: Bucket) -> int:
    """Return how many requests a bucket lets in at once."""
    count = 0
    while bucket.take():
        count += 1
    return count


def test_a_bucket_lets_in_what_a_window_may_have_and_then_as_many_as_flow_in(clock):
    bucket = Bucket(Rate(600, 60), clock)
    assert taken(bucket) == 600
    clock.now += 1
    assert taken(bucket) == 10
    clock.now += 0.05
    assert taken(bucket) == 0
    clock.now += 0.05
    assert taken(bucket) == 1
    clock.now += 1e6
    assert taken(bucket) == 600


def test_what_is_left_is_told_with_the_time_until_there_is_more(clock):
    bucket = Bucket(Rate(10, 60), clock)
    assert bucket.left[3:] == (10, 0)
    bucket.take()
    assert bucket.left[3:] == (9, 6)
    assert taken(bucket) == 9
    assert bucket.left[3:] == (0, 6)
    clock.now += 4
    assert bucket.left[3:] == (0, 2)
    bucket.give_back()
    assert bucket.left[3] == 1


def test_what_is_given_back_never_makes_more_than_there_was(clock):
    bucket = Bucket(Rate(3, 1), clock)
    bucket.take()
    clock.now += 5
    bucket.give_back()
    assert taken(bucket) == 3


def test_an_allowance_is_for_a_day_from_midnight_to_midnight(clock):
    midnight = 20_000 * DAY
    clock.now = 100.0
    allowance = Allowance(Rate(3600, DAY), clock, started_at=midnight - 200)  # it is 100 s before midnight
    assert allowance.left[3:] == (3600, 100)
    allowance.spend(3599.5)
    assert (allowance.has_some, allowance.left.amount) == (True, 0)
    allowance.spend(1)  # the last request may take more than there was
    assert (allowance.has_some, allowance.left[3:]) == (False, (0, 100))
    clock.now += 99
    assert not allowance.has_some
    clock.now += 1
    assert (allowance.has_some, allowance.left[3:]) == (True, (3600, DAY))


def test_a_clock_that_is_set_back_or_forward_gives_nobody_a_second_quota_and_takes_nobodys_away(clock, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 20_000 * DAY + 1000.0)
    allowance = Allowance(Rate(10, DAY), clock, started_at=20_000 * DAY)
    allowance.spend(10)
    for wall in (0.0, 30_000.0 * DAY):
        monkeypatch.setattr("time.time", lambda wall=wall: wall)
        assert not allowance.has_some
    clock.now += DAY
    assert allowance.has_some


def test_a_meter_refuses_in_words_and_says_how_long_to_wait(clock):
    meter = Meter(key(rate="2/min", quota="1h/day"), clock)
    meter.take(asks_model=True)
    meter.take(asks_model=False)
    with pytest.raises(LimitReached, match="the key laptop has to wait 30 s: its rate of 2/min is used up") as refused:
        meter.take(asks_model=False)
    assert refused.value.retry_after_s == 30
    meter.spend(3600)
    clock.now += 60
    with pytest.raises(LimitReached, match=r"wait \d+ s: its quota of 1h/day of model time is used up"):
        meter.take(asks_model=True)
    meter.take(asks_model=False)  # what asks no model takes no time of one
    assert [one.name for one in meter.left] == ["requests", "model-time"]


def test_a_limit_of_nothing_refuses_everything_and_says_that_waiting_does_not_help(clock):
    for terms, what in (({"rate": "0/s"}, "request"), ({"quota": "0s/day"}, "model time")):
        meter = Meter(key(**terms), clock)
        clock.now += 10 * DAY
        with pytest.raises(Forbidden, match=f"the key laptop may have no {what} at all: its limit is 0"):
            meter.take(asks_model=True)
        assert meter.left[0].amount == 0


def test_a_refused_request_takes_nothing(clock):
    meter = Meter(key(rate="1/min", quota="0s/day"), clock)
    with pytest.raises(Forbidden):
        meter.take(asks_model=True)
    meter.take(asks_model=False)


def test_keys_without_limits_have_no_meter_and_others_one_each_until_their_terms_change():
    meters = Meters()
    assert meters.of(key()) is None
    first = meters.of(key(rate="1/s"))
    assert meters.of(key(rate="1/s")) is first
    assert meters.of(key(rate="2/s")) is not first
