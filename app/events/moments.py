"""Moments as events have them: microseconds since 1970."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds_of(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def moment_of(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def read_moment(text: str) -> int:
    """Return the microseconds until a date, or a date and time, in UTC unless it says. Raises ValueError."""
    read = datetime.fromisoformat(text)
    return microseconds_of(read if read.tzinfo else read.replace(tzinfo=UTC))
