"""The promise of whoever answers the lines of a job."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from app.errors import ServiceError
from app.jobs.line_reader import InputLine


class LineResult(NamedTuple):
    """A line of results, with its break; `has_failed` says that it tells an error."""

    content: bytes
    has_failed: bool


class LineAnswerer(Protocol):
    most_together: int
    """Lines that are answered as one question."""

    async def answer(self, lines: Sequence[InputLine]) -> list[LineResult]:
        """Return one result for each line, in order.

        Raises Overloaded, DeadlineExceeded and ModelNotReady for what may be asked again, and JobFailed.
        """
        ...

    def refused(self, line: InputLine, error: ServiceError) -> LineResult:
        """Return the result of a line that nobody could answer."""
        ...
