"""The time that one call may take, and the moments at which it is tried again."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic

import httpx

from tessera_client.errors import DeadlineExceeded, TesseraError, Unreachable, error_of

LONGEST_S = 600.0
RETRIED = (429, 503)
FIRST_PAUSE_S = 0.25
# The service's own answer that it is too late should win against our giving up, so we wait a little longer.
GRACE_S = 1.0


class Patience:
    """One call: `timeout_s` cover all its attempts and the pauses between them.

    Only 429 and 503 are tried again, at most `max_attempts` times in all, not before the response's `Retry-After`
    has passed, and not if that would be too late.
    """

    def __init__(self, timeout_s: float, max_attempts: int) -> None:
        if not 0 < timeout_s <= LONGEST_S:
            raise ValueError(f"timeout_s must be above 0 and at most {LONGEST_S:.0f}, not {timeout_s}")
        if max_attempts < 1:
            raise ValueError(f"max_attempts must be at least 1, not {max_attempts}")
        self._deadline = monotonic() + timeout_s
        self._attempts_left = max_attempts
        self._pause_s = FIRST_PAUSE_S

    def attempt(self) -> tuple[dict[str, str], float]:
        """Headers of the next attempt, which tell the service how long we wait, and the timeout of its socket."""
        self._attempts_left -= 1
        remaining_s = max(0.001, self._deadline - monotonic())
        return {"X-Request-Timeout-Ms": str(max(1, int(1000 * remaining_s)))}, remaining_s + GRACE_S

    def pause_after(self, response: httpx.Response) -> float:
        """Seconds to wait until the next attempt. Raises the error that the response tells, if there is none."""
        error = error_of(response)
        if response.status_code not in RETRIED or not self._attempts_left:
            raise error
        asked_s = _retry_after(response.headers)
        # Callers who were refused together should not come back together.
        pause_s = random.uniform(1.0, 1.2) * (self._pause_s if asked_s is None else asked_s)
        self._pause_s *= 2
        if monotonic() + pause_s >= self._deadline:
            raise error
        return pause_s


def lost(error: httpx.RequestError) -> TesseraError:
    """Return the error of a call that got no answer."""
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return DeadlineExceeded("the service gave no answer in time")
    return Unreachable(f"the service cannot be reached: {error or type(error).__name__}")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds; the header holds them, or a date (RFC 9110, 10.2.3)."""
    given = headers.get("retry-after", "")
    if given.isascii() and given.isdecimal():
        return float(given)
    try:
        return max(0.0, (parsedate_to_datetime(given) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
