"""The things that a key may have only so much of: requests, and time in which models work. In memory, per process."""

import time
from collections.abc import Callable
from math import ceil, floor
from typing import NamedTuple

from app.errors import Forbidden, LimitReached
from app.keys.record import Key
from app.keys.terms import Rate

Clock = Callable[[], float]
ROUNDING = 1e-6  # of sums of small numbers: a millionth of a request or of a second

# The wall clock as it was when the service started, carried on by the monotonic one: whoever sets the clock back or
# forward meanwhile gives nobody a second quota for a day, and takes nobody's away.
STARTED_AT = time.time() - time.monotonic()


class Left(NamedTuple):
    """The rest of a limit: `amount` of `rate.amount`, and seconds until there is more."""

    name: str
    unit: str
    rate: Rate
    amount: int
    reset_s: int


class Bucket:
    """A token bucket: holds as many requests as a window may have, and fills evenly in the time of one."""

    def __init__(self, rate: Rate, clock: Clock = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._tokens = float(rate.amount)
        self._at = clock()

    def take(self) -> bool:
        self._fill()
        has_one = self._tokens >= 1 - ROUNDING
        if has_one:
            self._tokens = max(0.0, self._tokens - 1)
        return has_one

    def give_back(self) -> None:
        self._tokens = min(self._tokens + 1, self.rate.amount)

    @property
    def left(self) -> Left:
        """Until it is full again; where nothing is left, until there is one."""
        self._fill()
        amount = floor(self._tokens + ROUNDING)
        missing = (self.rate.amount if amount else 1) - self._tokens
        reset_s = missing * self.rate.window_s / self.rate.amount if self.rate.amount else self.rate.window_s
        return Left("requests", "requests", self.rate, amount, ceil(reset_s - ROUNDING))

    def _fill(self) -> None:
        now = self._clock()
        self._tokens += (now - self._at) * self.rate.amount / self.rate.window_s
        self._tokens = min(self._tokens, self.rate.amount)
        self._at = now


class Allowance:
    """Seconds of model time in each window, a day from midnight to midnight, say, by UTC."""

    def __init__(self, rate: Rate, clock: Clock = time.monotonic, started_at: float = STARTED_AT) -> None:
        self.rate = rate
        self._clock = clock
        self._started_at = started_at
        self._window = self._now() // rate.window_s
        self._spent_s = 0.0

    def spend(self, seconds: float) -> None:
        self._turn()
        self._spent_s += seconds

    @property
    def left(self) -> Left:
        self._turn()
        left_s = max(0, floor(self.rate.amount - self._spent_s))
        reset_s = ceil((self._window + 1) * self.rate.window_s - self._now())
        return Left("model-time", "model-seconds", self.rate, left_s, max(1, reset_s))

    @property
    def has_some(self) -> bool:
        self._turn()
        return self._spent_s < self.rate.amount

    def _turn(self) -> None:
        window = self._now() // self.rate.window_s
        if window != self._window:
            self._window, self._spent_s = window, 0.0

    def _now(self) -> float:
        return self._started_at + self._clock()


class Meter:
    """Counts what one key has had."""

    def __init__(self, key: Key, clock: Clock = time.monotonic) -> None:
        self.terms = key.rate, key.quota
        self._name = key.name
        self._bucket = Bucket(Rate.of_requests(key.rate), clock) if key.rate else None
        self._allowance = Allowance(Rate.of_model_seconds(key.quota), clock) if key.quota else None

    def take(self, *, asks_model: bool) -> None:
        """Count a request. Raises LimitReached, and Forbidden where waiting would not help."""
        if asks_model:
            self.require_model_time()
        if self._bucket and not self._bucket.take():
            raise self._refusal(self._bucket.left, f"its rate of {self.terms[0]} is used up")

    def require_model_time(self) -> None:
        """Raises LimitReached if its quota is used up, and Forbidden where waiting would not help."""
        if self._allowance and not self._allowance.has_some:
            raise self._refusal(self._allowance.left, f"its quota of {self.terms[1]} of model time is used up")

    def give_back(self) -> None:
        """Count a request that was refused as if it had not come."""
        if self._bucket:
            self._bucket.give_back()

    def spend(self, seconds: float) -> None:
        """Count seconds in which a model worked for the key. The last request may take more than there was left."""
        if self._allowance:
            self._allowance.spend(seconds)

    @property
    def left(self) -> list[Left]:
        return [one.left for one in (self._bucket, self._allowance) if one]

    def _refusal(self, left: Left, why: str) -> LimitReached | Forbidden:
        if not left.rate.amount:
            what = "request" if left.unit == "requests" else "model time"
            return Forbidden(f"the key {self._name} may have no {what} at all: its limit is 0")
        return LimitReached(f"the key {self._name} has to wait {left.reset_s} s: {why}", left.reset_s)


class Meters:
    """The meters of all keys that have limits. One whose terms change begins anew."""

    def __init__(self) -> None:
        self._meters: dict[str, Meter] = {}

    def of(self, key: Key) -> Meter | None:
        if key.rate is None and key.quota is None:
            return None
        meter = self._meters.get(key.name)
        if meter is None or meter.terms != (key.rate, key.quota):
            meter = self._meters[key.name] = Meter(key)
        return meter
