"""Schedulers decide when rows are computed: the promise of all. Knows nothing of models, tensors or HTTP."""

from collections.abc import Hashable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from app.serving.shares import Share

Answer = TypeVar("Answer")

# From this level on, work is what nobody waits for now: while others ask, they get so many seconds for each of its own.
BACKGROUND_LEVEL, BACKGROUND_WEIGHT = 10, 8.0


class Turn(NamedTuple):
    """On which terms the rows of one request are answered, once it was admitted.

    `deadline` is of the event loop's clock. `traceparent` is that of the request, if its trace is recorded.
    """

    deadline: float
    priority: int
    caller: Hashable
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Answers(Generic[Answer]):
    """One answer for each submitted row, in order, and what it took; rows and length are of the largest batch.

    `batches` has the traceparents of its batches, if the trace of the request is recorded.
    """

    values: list[Answer]
    queue_s: float = 0.0
    inference_s: float = 0.0
    rows: int = 0
    length: int = 0
    batches: tuple[str, ...] = ()


class Scheduler(AbstractAsyncContextManager[Any], Protocol):
    """Admits requests, and has their rows computed when it is their turn, for as long as its context is open."""

    @property
    def is_ready(self) -> bool:
        """Whether something is alive that computes, and gets on with its work."""
        ...

    @property
    def is_lost(self) -> bool:
        """Whether nothing computes, and it could not be restored when that was tried last."""
        ...

    @property
    def queue_size(self) -> int:
        """Return how many rows wait."""
        ...

    @property
    def queue_wait_s(self) -> float:
        """Return after how many seconds what came now would be begun, behind all that waits. May be read anywhere."""
        ...

    @property
    def slower(self) -> float:
        """Return how many times longer it takes of late than was measured."""
        ...

    def admit(self, deadline: float, priority: int = 0, caller: Hashable = "") -> Turn:
        """Let a request in, before anything is made of its items.

        Raises ModelNotReady, and Overloaded or DeadlineExceeded if it is known already that it would be late.
        """
        ...

    def share_of(self, caller: Hashable, priority: int) -> Share:
        """Return what `caller` has had and wants, of work of this priority."""
        ...


def weight_of(priority: int) -> float:
    """Return how many seconds a second of work of this priority counts as."""
    return BACKGROUND_WEIGHT if priority >= BACKGROUND_LEVEL else 1.0
