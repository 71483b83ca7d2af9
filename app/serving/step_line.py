"""Answers that wait for their turn, and what callers have had of the decoder."""

from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

from app.serving.scheduler import weight_of
from app.serving.shares import Line, Share, Shares, new_ticket
from app.serving.writing import Writing


class Before(NamedTuple):
    """All that waits when a request comes, by number, and by the seconds that go before the last of the request.

    Of each other caller no more answers count than he who asks will have: whoever has many waiting keeps nobody out.
    """

    number: int
    seconds: float


class StepLine:
    """The line before the slots of a decoder: callers have equal shares of its seconds."""

    def __init__(self) -> None:
        self._line: Line[Writing] = Line()
        self._waiting = 0
        self.waiting_s = 0.0
        """Seconds of the decoder that all that waits should take."""
        self._shares = Shares()

    def __len__(self) -> int:
        return self._waiting

    def __iter__(self) -> Iterator[Writing]:
        """All that waits, in no order."""
        return iter(self._line)

    def share(self, caller: Hashable, priority: int) -> Share:
        return self._shares.of(caller, weight_of(priority))

    def push(self, writing: Writing) -> None:
        writing.ticket = new_ticket()
        self._shares.waits(writing.share, writing.cost_s)
        self._line.push(writing)
        self._waiting += 1
        self.waiting_s += writing.cost_s

    def first(self) -> Writing | None:
        """The one whose turn it is. What is over is not, and is taken out."""
        while (writing := self._line.first()) is not None and writing.is_over:
            self.discard(writing)
        return writing

    def discard(self, writing: Writing) -> None:
        """Take it out, if it waits here."""
        if writing.ticket:
            writing.ticket = 0
            self._waiting -= 1
            self.waiting_s = self.waiting_s - writing.cost_s if self._waiting else 0.0
            self._shares.waits_no_more(writing.share, writing.cost_s)
            self._line.sweep(self._waiting)

    def begins(self, writing: Writing) -> None:
        """The first gets slots."""
        self.discard(writing)
        self._shares.leads(writing.share)
        self._shares.starts(writing.share, writing.cost_s)

    def ends(self, writing: Writing) -> None:
        """It has left its slots."""
        self._shares.ends(writing.share, writing.cost_s, writing.taken_s)

    def before(self, request: Sequence[Writing]) -> Before:
        """All of a request have the same turn."""
        share, turn = request[0].share, request[0].turn
        own_s = sum(one.cost_s for one in self._line.of(share) if one.turn <= turn)
        seconds = own_s + self._shares.seconds_before(share, sum(one.cost_s for one in request))
        return Before(self._shares.number_before(share, len(request)), seconds)
