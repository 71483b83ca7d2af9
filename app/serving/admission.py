"""Who is let in: whose rows would be answered in time, and whose must make room for others."""

import asyncio
from collections.abc import Sequence
from time import perf_counter
from typing import Any, Generic, TypeVar

from app.errors import DeadlineExceeded, ModelNotReady, Overloaded
from app.serving.answering import Answering, Observer, fail
from app.serving.lanes import Lanes
from app.serving.queue import RowQueue, Waiting
from app.serving.scheduler import BACKGROUND_LEVEL, Turn
from app.serving.shares import Share

Row = TypeVar("Row")
Answer = TypeVar("Answer")

# Of the time until a deadline, what an estimate may fill: who comes later may yet go first, in the batch of somebody
# else, and a refusal in time is better than an answer too late. At twice its saturation a model answers as many in time
# with a half as with seven tenths, and none too late instead of one in two hundred; at its saturation up to 2 % less.
SURE_SHARE = 0.5
# A level of priority is worth this much of having come earlier, among what one caller asks. So it decides what goes
# first of what came within some seconds, and nothing starves: what has waited for longer goes before any newcomer.
LEVEL_S = 1.0
DEFAULT_LEVEL = 2  # leaves 1 for what is urgent


class Admission(Generic[Row, Answer]):
    """Keeps the queue of a batcher within `max_rows` and within the time that its callers have."""

    def __init__(
        self,
        queue: RowQueue[Row, Any],
        lanes: Lanes[Row, Answer, Any],
        answering: Answering[Row, Answer],
        *,
        max_rows: int,
        observer: Observer,
    ) -> None:
        self._queue, self._lanes, self._answering = queue, lanes, answering
        self._max_rows = max_rows
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._requests: dict[Share, dict[int, Sequence[Waiting[Row, Any]]]] = {}

    def begins_at_once(self, num_rows: int) -> bool:
        """Whether a model is idle: it tries whatever fits its queue, since only work shows if estimates are right."""
        return not self._queue and num_rows <= self._max_rows and self._lanes.can_begin

    def require_room(self, num_rows: int, share: Share) -> None:
        """Raise ModelNotReady or Overloaded unless `num_rows` rows may wait; others may have to make room."""
        self._require_ready()
        missing = len(self._queue) + num_rows - self._max_rows
        if missing > 0 and not self._make_room(missing, num_rows, share):
            self._observer.refused("queue", num_rows)
            wait = self._wait(self._queue.seconds, share)
            raise Overloaded(f"{len(self._queue)} rows are waiting, the queue holds {self._max_rows}", wait)

    def require_time(self, num_rows: int, seconds: float, turn: Turn, share: Share, coming: float = 0.0) -> None:
        """Raise unless `num_rows` rows, which cost `seconds` by the curve, would be answered when they must be.

        Before them will wait `coming` seconds of work that is being prepared.
        Raises Overloaded, or DeadlineExceeded if even without the others it would be too late.
        """
        # Rows of one request are shared out among the lanes like any others.
        at_once = min(max(num_rows, 1), len(self._lanes.own))
        own, left = seconds * self._answering.cost / at_once, turn.deadline - self._loop.time()
        patience = SURE_SHARE * left
        if self._wait(self._queue.seconds + coming, share) + own <= patience:
            return
        if own > left:
            self._observer.refused("deadline", num_rows)
            raise DeadlineExceeded(f"this takes about {own:.2f} s alone, too long for a deadline {left:.2f} s away")
        # Not all that waits goes first: others have had more, and the rows of long requests have turns in the future.
        first = perf_counter() + handicap_of(turn.priority) + seconds
        wait = self._wait(self._queue.seconds_before(first, share, coming + seconds) + coming, share)
        if wait + own > patience:
            self._observer.refused("wait", num_rows)
            raise Overloaded(
                f"the answer would take about {wait + own:.2f} s, which is too late", wait + own - patience
            )

    def queue_wait_s(self) -> float:
        """Return after how many seconds a row that came now would be begun, whoever's it is: behind all that waits.

        May be asked on any thread.
        """
        if self.begins_at_once(1):
            return 0.0
        return self._lanes.done_s(self._queue.seconds * self._answering.cost)

    def enter(self, request: Sequence[Waiting[Row, Any]]) -> None:
        """Remember the rows of a request: they may have to make room."""
        self._requests.setdefault(request[0].share, {})[id(request)] = request

    def leave(self, request: Sequence[Waiting[Row, Any]]) -> None:
        share = request[0].share
        del self._requests[share][id(request)]
        if not self._requests[share]:
            del self._requests[share]

    def _require_ready(self) -> None:
        if not self._lanes.own:
            raise ModelNotReady("the model was unloaded")
        if not self._lanes.is_ready:
            raise ModelNotReady("the model hangs" if self._lanes.own[0].is_alive else "the model is being restarted")

    def _wait(self, queued_s: float, share: Share) -> float:
        """Return the seconds until what runs now is done, and then `queued_s` of work by the curve."""
        return self._lanes.wait_s(queued_s * self._answering.cost, share)

    def _make_room(self, missing: int, num_rows: int, share: Share) -> bool:
        """Refuse the newest requests of whoever has most rows waiting, if that are more than `share` will have."""
        most = max(self._requests, key=lambda one: one.waiting, default=share)
        if most.waiting <= share.waiting + num_rows:
            return False
        for request in [*self._requests[most].values()][::-1]:
            waiting = [one for one in request if self._queue.discard(one)]
            missing -= len(waiting)
            self._observer.dropped("displaced", len(waiting))
            error = Overloaded(
                "others wait who asked for less, and the queue is full", self._wait(most.waiting_s, most)
            )
            for one in waiting:
                fail(one.future, error)
            if missing <= 0:
                break
        return True


def handicap_of(priority: int) -> float:
    """Return how many seconds later than a row of the default priority a row of this one has its turn."""
    return LEVEL_S * (min(priority, BACKGROUND_LEVEL) - DEFAULT_LEVEL) if priority else 0.0
