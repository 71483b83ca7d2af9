"""The rows that are being prepared for a queue: who asks for more of the same meanwhile is behind them."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Coming:
    """Counts seconds of work by caller. Knows nothing of the queue."""

    def __init__(self) -> None:
        self._of: dict[Hashable, list[tuple[float, float]]] = {}

    @contextmanager
    def rows(self, caller: Hashable, seconds: float, handicap: float) -> Iterator[None]:
        """Count rows of a caller that cost at least `seconds`, until they wait or are given up.

        `handicap`: how many seconds later their turn is than that of others who come when they do.
        """
        coming, one = self._of.setdefault(caller, []), (seconds, handicap)
        coming.append(one)
        try:
            yield
        finally:
            coming.remove(one)
            if not coming:
                del self._of[caller]

    def before(self, caller: Hashable, seconds: float, handicap: float) -> float:
        """Return the seconds of the caller's rows that will go before the last of new rows of `seconds`.

        Rows of one request have their turns one after another, so of a long one the rest is for later.
        """
        return sum(min(one, max(0.0, seconds + handicap - late)) for one, late in self._of.get(caller, ()))
