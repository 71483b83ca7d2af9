"""The time that a client is willing to wait."""

import re

from starlette.requests import Request

from app.errors import InvalidInput

HEADER = "X-Request-Timeout-Ms"
LONGEST_MS = 600_000  # ten minutes


def deadline_of(request: Request, default_s: float) -> float:
    """Return in how many seconds the answer is of no use any more. Raises InvalidInput."""
    given = request.headers.get(HEADER)
    if given is None:
        return default_s
    if not re.fullmatch(r"[0-9]{1,6}", given) or not 0 < int(given) <= LONGEST_MS:
        raise InvalidInput(
            f"{HEADER}: must be a whole number of milliseconds from 1 to {LONGEST_MS}, not {given!r:.40}"
        )
    return int(given) / 1000
