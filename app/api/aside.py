"""Large bodies are read and written beside the event loop, so that small requests are answered meanwhile."""

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import TypeVar

from app.serving.pool import Pool

Result = TypeVar("Result")

QUICK_BYTES = 50_000  # of JSON, which are read in a few milliseconds, whatever they are
QUICK_S = 0.002  # of writing, which may go on at once
TURN_S = 0.02  # of writing, after which it is somebody else's turn


class Aside:
    """One thread to read and one to write: the interpreter runs one at a time, so that more would only delay the loop.

    Who hangs up is not read or written any further.
    """

    def __init__(self) -> None:
        self._reader, self._writer = Pool(1, "read"), Pool(1, "write")

    async def read(self, function: Callable[[], Result], *, is_quick: bool) -> Result:
        """Call `function`, on the loop if it takes less than handing it to another thread would."""
        return function() if is_quick else await self._reader.run(function, 0.0)

    async def write(self, pieces: Iterator[bytes]) -> list[bytes]:
        """Return all `pieces`. None of them may take long, but there may be many."""
        written = _taken(pieces, QUICK_S)
        size = 0
        while len(written) > size:
            size = len(written)
            written += await self._writer.run(lambda: _taken(pieces, TURN_S), 0.0)
        return written

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


def _taken(pieces: Iterator[bytes], seconds: float) -> list[bytes]:
    """Pieces until `seconds` have passed; none if there are none left."""
    end, taken = perf_counter() + seconds, []
    for piece in pieces:
        taken.append(piece)
        if perf_counter() >= end:
            break
    return taken
