"""The terms of a key as people write them: durations, days of expiry, rates and quotas."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple, Self

UNITS_S = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "day": 86_400}
UNIT = "|".join(UNITS_S)
DURATION = re.compile(rf"(\d{{1,9}})({UNIT})", re.ASCII)
RATE = re.compile(rf"(\d{{1,9}})/({UNIT})", re.ASCII)
QUOTA = re.compile(rf"(\d{{1,9}})({UNIT})/({UNIT})", re.ASCII)
MOST_S = 100 * 366 * UNITS_S["d"]


class Rate(NamedTuple):
    """`amount` in each window of `window_s` seconds: of requests, or of seconds in which models work."""

    amount: int
    window_s: int

    @classmethod
    def of_requests(cls, text: str) -> Self:
        """Read a text such as `600/min`. Raises ValueError."""
        if not (match := RATE.fullmatch(text)):
            raise ValueError(f"{text!r:.40} is no rate of requests, such as 10/s, 600/min, 1000/h or 5000/day")
        return cls(int(match[1]), UNITS_S[match[2]])

    @classmethod
    def of_model_seconds(cls, text: str) -> Self:
        """Read a text such as `3600s/day`. Raises ValueError."""
        if not (match := QUOTA.fullmatch(text)):
            raise ValueError(f"{text!r:.40} is no quota of model time, such as 3600s/day, 2h/day or 30s/min")
        seconds = int(match[1]) * UNITS_S[match[2]]
        if seconds > MOST_S:
            raise ValueError(f"{text!r:.40} is more than a hundred years")
        return cls(seconds, UNITS_S[match[3]])


def duration_of(text: str) -> timedelta:
    """Read a text such as `1h` or `30d`. Raises ValueError."""
    match = DURATION.fullmatch(text)
    if not match or (seconds := int(match[1]) * UNITS_S[match[2]]) > MOST_S:
        raise ValueError(f"{text!r:.40} is no duration, such as 90s, 15min, 12h or 30d, of up to a hundred years")
    return timedelta(seconds=seconds)


def moment_of(text: str, now: datetime) -> datetime:
    """Read a duration from `now`, a day, which is its beginning in UTC, or a time with its zone. Raises ValueError."""
    moment = now + duration_of(text) if DURATION.fullmatch(text) else _of_calendar(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r:.40} has no time zone; UTC is written as {text:.40}Z")
    if moment <= now:
        raise ValueError(f"{text!r:.40} has passed already")
    return moment.astimezone(UTC).replace(microsecond=0)


def _of_calendar(text: str) -> datetime:
    try:
        if len(text) == len("2027-01-01"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r:.40} is no time, such as 30d, 2027-01-01 or 2027-01-01T12:00+02:00") from None


def written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
