from datetime import UTC, datetime, timedelta

import pytest

from app.keys.terms import Rate, duration_of, moment_of, written

NOW = datetime(2026, 12, 1, 10, 0, 30, 5, UTC)


def test_rates_and_quotas_are_read_as_people_write_them():
    assert Rate.of_requests("10/s") == (10, 1)
    assert Rate.of_requests("600/min") == (600, 60)
    assert Rate.of_requests("0/day") == (0, 86_400)
    assert Rate.of_model_seconds("3600s/day") == Rate.of_model_seconds("1h/day") == (3600, 86_400)
    assert Rate.of_model_seconds("30s/min") == (30, 60)


@pytest.mark.parametrize(
    "text", ["", "5", "5/", "/s", "-1/s", "1.5/s", "5/s ", " 5/s", "5 / s", "5/week", "٣/s", "9" * 10 + "/s"]
)
def test_what_is_no_rate_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="is no rate of requests, such as"):
        Rate.of_requests(text)


@pytest.mark.parametrize("text", ["", "5", "5/day", "5s", "5x/day", "-5s/day", "5s/", "1e3s/day"])
def test_what_is_no_quota_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="is no quota of model time, such as"):
        Rate.of_model_seconds(text)
    with pytest.raises(ValueError, match="more than a hundred years"):
        Rate.of_model_seconds("999999999d/day")


def test_an_expiry_is_a_duration_a_day_or_a_moment():
    assert moment_of("30d", NOW) == datetime(2026, 12, 31, 10, 0, 30, tzinfo=UTC)
    assert moment_of("2027-01-01", NOW) == datetime(2027, 1, 1, tzinfo=UTC)
    assert moment_of("2027-01-01T12:00+02:00", NOW) == datetime(2027, 1, 1, 10, tzinfo=UTC)
    assert written(moment_of("2027-01-01T12:00+02:00", NOW)) == "2027-01-01 10:00 UTC"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("soon", "is no time, such as"),
        ("2027-02-30", "is no time, such as"),
        ("9999999999d", "is no time, such as"),
        ("99999999d", "of up to a hundred years"),
        ("2027-01-01T12:00", "has no time zone"),
        ("2026-12-01", "has passed already"),
        ("0d", "has passed already"),
    ],
)
def test_what_is_no_expiry_is_refused_with_the_reason(text, why):
    with pytest.raises(ValueError, match=why):
        moment_of(text, NOW)


def test_a_duration_has_a_unit():
    assert duration_of("15min") == timedelta(minutes=15)
    for text in ("", "15", "h", "1.5h", "1w", "-1h"):
        with pytest.raises(ValueError, match="is no duration, such as"):
            duration_of(text)
