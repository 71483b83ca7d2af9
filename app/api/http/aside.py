"""Large bodies are read and written beside the event loop, so that small requests are answered meanwhile."""

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import TypeVar

from app.serving.pool import Pool

Result = TypeVar("Result")

QUICK_BYTES = 50_000  # of JSON, which are read in a few milliseconds, whatever they are
QUICK_S = 0.002  # of writing, which may go on at once
TURN_S, TURN_BYTES = 0.02, 1_000_000  # of writing, after which it is somebody else's turn


class Aside:
    """One thread to read, one to write, one to inflate: the interpreter runs one at a time, more would only delay it.

    Callers have equal shares of each. Nothing is begun for who has hung up.
    """

    __slots__ = ("_caller", "_inflater", "_reader", "_writer")

    def __init__(self, whose: "Aside | None" = None, caller: str = "") -> None:
        """With `whose`, the same threads as those, for what this caller sends and gets."""
        self._caller = caller
        if whose is None:
            self._reader, self._writer, self._inflater = Pool(1, "read"), Pool(1, "write"), Pool(1, "inflate")
        else:
            self._reader, self._writer, self._inflater = whose._reader, whose._writer, whose._inflater

    def of(self, caller: str) -> "Aside":
        return Aside(self, caller)

    async def read(self, function: Callable[[], Result], *, is_quick: bool) -> Result:
        """Call `function`, on the loop if it takes less than handing it to another thread would."""
        return function() if is_quick else await self._reader.run(function, 0.0, caller=self._caller)

    async def inflate(self, function: Callable[[], Result]) -> Result:
        """Call `function`, which inflates a part of a body: not where bodies are read, which may take far longer."""
        return await self._inflater.run(function, 0.0, caller=self._caller)

    async def make(self, function: Callable[[], Result], *, is_quick: bool) -> Result:
        """Call `function`, which makes what will be written, as `read` does."""
        return function() if is_quick else await self._writer.run(function, 0.0, caller=self._caller)

    async def write(self, pieces: Iterator[bytes], up_to_bytes: float = float("inf")) -> list[bytes]:
        """Return pieces until there are `up_to_bytes`, or all. None of them may take long to make."""
        written, is_all = _taken(pieces, QUICK_S)
        if is_all:  # nearly always, and without another thread
            return written
        size = sum(map(len, written))
        while size < up_to_bytes and (more := await self.write_on(pieces)):
            written += more
            size += sum(map(len, more))
        return written

    async def write_on(self, pieces: Iterator[bytes]) -> list[bytes]:
        """Return the pieces of the next milliseconds; none if there are none left."""
        written, _ = await self._writer.run(lambda: _taken(pieces, TURN_S), TURN_S, caller=self._caller)
        return written

    def close(self) -> None:
        for pool in (self._reader, self._writer, self._inflater):
            pool.close()


def _taken(pieces: Iterator[bytes], seconds: float) -> tuple[list[bytes], bool]:
    """Pieces for so long, and whether there are no more."""
    end, taken, size = perf_counter() + seconds, [], 0
    for piece in pieces:
        taken.append(piece)
        size += len(piece)
        if perf_counter() >= end or size >= TURN_BYTES:
            return taken, False
    return taken, True
