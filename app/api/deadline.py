"""How long a client is willing to wait."""

from starlette.requests import Request

from app.errors import InvalidInput

HEADER = "X-Request-Timeout-Ms"


def deadline_of(request: Request, default_s: float) -> float:
    """Seconds from now until the answer is of no use any more. Raises InvalidInput."""
    given = request.headers.get(HEADER)
    if given is None:
        return default_s
    if not (given.isascii() and given.isdecimal() and 0 < int(given) <= 86_400_000):
        raise InvalidInput(f"{HEADER}: must be a whole number of milliseconds from 1 to 86400000, not {given!r:.40}")
    return int(given) / 1000
