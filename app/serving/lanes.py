"""The lanes of one scheduler: who works at what, and who need not wait for it."""

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Generic, TypeVar

from app.serving.lane import Lane
from app.serving.queue import Waiting
from app.serving.shares import Share

Row = TypeVar("Row")
Answer = TypeVar("Answer")
Result = TypeVar("Result")


class Lanes(Generic[Row, Answer, Result]):
    """Some lanes for all rows, and an express lane: for who asks for little while all others serve who asks for much.

    `new_lane` makes one whose thread gives way to others, or does not.

    `running` is the batch that each lane works at.
    """

    def __init__(self, new_lane: Callable[[bool], Lane[Row, Answer]], num_lanes: int) -> None:
        self.own = [new_lane(True) for _ in range(num_lanes)]
        self.express = new_lane(False)
        self.running: dict[Lane[Row, Answer], Sequence[Waiting[Row, Result]]] = {}

    @property
    def is_ready(self) -> bool:
        """Whether a lane is alive and gets on with its work."""
        return any(lane.is_ready for lane in self.own)

    @property
    def is_lost(self) -> bool:
        """Whether every lane is dead and could not be restored when that was tried last."""
        return all(lane.is_lost for lane in self.own)

    @property
    def has_idle(self) -> bool:
        for lane in self.own:  # noqa: SIM110 - a generator would cost more, and a request asks some seven times
            if lane.is_idle:
                return True
        return False

    @property
    def can_begin(self) -> bool:
        """Whether a lane would begin at once with what comes now."""
        for lane in self.own:  # noqa: SIM110 - as above
            if lane.is_idle and lane.is_ready:
                return True
        return False

    def wait_s(self, seconds: float, share: Share) -> float:
        """Seconds until the lanes, together, have done `seconds` of work more, and what they do now."""
        return self.done_s(seconds, is_ahead=self.lets_ahead(share))

    def done_s(self, seconds: float, is_ahead: bool = False) -> float:
        """Return the same for whoever waits behind all, or is let ahead of what they do now."""
        now, lanes = perf_counter(), [lane for lane in self.own if lane.is_ready]
        running_s = 0.0 if is_ahead else sum(max(0.0, lane.busy_until - now) for lane in lanes)
        return (running_s + seconds) / max(1, len(lanes))  # none, if one has just begun to hang

    def lets_ahead(self, share: Share) -> bool:
        """Return whether all lanes are busy with rows that this share need not wait for."""
        now = perf_counter()
        return not self.has_idle and all(
            share.is_light_beside(batch[0].share, now - lane.busy_since)
            for lane, batch in self.running.items()
            if lane is not self.express
        )

    def end_unwanted(self) -> None:
        """End the runs that nobody waits for any more."""
        for lane, batch in self.running.items():
            if all(one.future.done() for one in batch):
                lane.interrupt()

    def relieve(self, *, others_wait: bool) -> None:
        """End the runs that are stuck and keep somebody waiting: in the same batch, or for want of a free lane."""
        stuck = [lane for lane in self.running if lane.is_stuck]
        for lane in stuck:
            if sum(not one.future.done() for one in self.running[lane]) > 1:
                lane.relieve()
        if stuck and others_wait and not self.has_idle:
            min(stuck, key=lambda lane: lane.busy_until).relieve()

    def forget(self) -> None:
        """Refer to no lane any more, once all have stopped."""
        self.own.clear()
        del self.express

    async def stop(self) -> None:
        lanes = [*self.own, self.express]
        for lane in lanes:
            lane.stop()
        await asyncio.gather(*(lane.ended() for lane in lanes))
