"""Schedulers decide when rows are computed: the promise of all. Knows nothing of models, tensors or HTTP."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

Row = TypeVar("Row")
Answer = TypeVar("Answer")
RowIn = TypeVar("RowIn", contravariant=True)
AnswerOut = TypeVar("AnswerOut")

# From this level on, work is what nobody waits for now: while others ask, they get so many seconds for each of its own.
BACKGROUND_LEVEL, BACKGROUND_WEIGHT = 10, 8.0


class Turn(NamedTuple):
    """On which terms the rows of one request are answered, once it was admitted.

    `deadline` is of the event loop's clock.
    """

    deadline: float
    priority: int
    caller: Hashable


@dataclass(frozen=True, slots=True)
class Answers(Generic[Answer]):
    """One answer for each submitted row, in order, and what it took; rows and length are of the largest batch."""

    values: list[Answer]
    queue_s: float = 0.0
    inference_s: float = 0.0
    rows: int = 0
    length: int = 0


class Scheduler(Protocol[RowIn, AnswerOut]):
    """Admits requests, and answers their rows when it is their turn."""

    @property
    def is_ready(self) -> bool:
        """Whether something is alive that computes, and gets on with its work."""
        ...

    @property
    def queue_size(self) -> int:
        """Return how many rows wait."""
        ...

    def admit(self, deadline: float, priority: int = 0, caller: Hashable = "") -> Turn:
        """Let a request in, before anything is made of its items.

        Raises ModelNotReady, Overloaded or DeadlineExceeded unless one row more would be answered by `deadline`.
        """
        ...

    async def submit(self, rows: Sequence[RowIn], turn: Turn) -> Answers[AnswerOut]:
        """Answer the rows of a request that was let in, all of them or none.

        Raises Overloaded or DeadlineExceeded if they are more than can be answered in time, and InferenceFailed.
        """
        ...


def weight_of(priority: int) -> float:
    """Return how many seconds a second of work of this priority counts as."""
    return BACKGROUND_WEIGHT if priority >= BACKGROUND_LEVEL else 1.0
