"""Dynamic batching. Knows nothing of models, tensors or HTTP.

Work is dispatched when a lane is idle; while all are busy, arrivals accumulate. There is no window to wait for.
"""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, suppress
from time import perf_counter
from typing import Any, Generic, Self, TypeVar

from app.errors import InferenceFailed, ModelNotReady, ServiceError
from app.serving.admission import SURE_SHARE, Admission, handicap_of
from app.serving.answering import Answering, Observer, Ran, answers_of, count_dropped, fail, failed_with
from app.serving.coming import Coming
from app.serving.curve import LatencyCurve
from app.serving.deadlines import Deadlines, too_late
from app.serving.lane import Lane
from app.serving.lanes import Lanes
from app.serving.queue import RowQueue, Waiting
from app.serving.scheduler import Answers, Turn, weight_of
from app.serving.shares import LONG_S, NOBODY, Share

Row = TypeVar("Row")
Answer = TypeVar("Answer")


class Batcher(Generic[Row, Answer]):
    """Answer rows in batches, through one blocking function.

    `run` gets a list of rows and must return one answer for each, in order. It is called on `num_lanes` threads, on
    each once at a time. `length` is what a row is padded to; rows of different `group` never share a batch.
    `restore` makes `run` usable again after a thread died, or when `check` raises after some rows in a row have
    failed; while it does so on every thread, `is_ready` is false.

    Callers get equal shares of the time that runs take. Who asks for little does not wait for a run of somebody who
    asks for much: one thread more than `num_lanes` is kept for that, and shares the cores with the others.

    A run is ended when nobody waits for its answers any more, and when it is stuck while others wait for a thread; its
    rows are then tried again one by one, and the one that is stuck again is too late.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Row]], Sequence[Answer]],
        *,
        curve: LatencyCurve,
        max_batch_size: int,
        max_queue_size: int,
        observer: Observer,
        length: Callable[[Row], int] = lambda row: 1,
        group: Callable[[Row], Hashable] = lambda row: None,
        check: Callable[[], object] = lambda: None,
        restore: Callable[[], None] = lambda: None,
        num_lanes: int = 1,
        hang_after_s: float = 60.0,
        name: str = "batcher",
    ) -> None:
        self._run, self._curve = run, curve
        self._max_batch_size, self._max_queue_size = max_batch_size, max_queue_size
        self._observer, self._name = observer, name
        self._length, self._group = length, group
        self._check, self._restore = check, restore
        self._num_lanes, self._hang_after_s = num_lanes, hang_after_s
        self._coming = Coming()
        self._queue: RowQueue[Row, tuple[Answer, Ran]] = RowQueue(curve)
        self._unanswered: set[asyncio.Future[tuple[Answer, Ran]]] = set()
        self._deadlines = Deadlines()
        self._arrived, self._changed = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._lanes: Lanes[Row, Answer, tuple[Answer, Ran]] = Lanes(self._new_lane, self._num_lanes)
        self._answering: Answering[Row, Answer] = Answering(
            self._queue,
            self._lanes,
            curve=self._curve,
            observer=self._observer,
            again=self._wait_again,
            begun=self._tell_who_asks_for_little,
            name=self._name,
        )
        self._admission: Admission[Row, Answer] = Admission(
            self._queue, self._lanes, self._answering, max_rows=self._max_queue_size, observer=self._observer
        )
        serving = [*map(self._serve, self._lanes.own), self._serve_who_asks_for_little(self._lanes.express)]
        self._tasks = [asyncio.create_task(one, name=self._name) for one in serving]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._fail_all(ModelNotReady("the model was unloaded before it answered"))
        await self._lanes.stop()
        self._deadlines.close()
        # They refer back to this; and the garbage collector is told not to look for circles in what has been live.
        self._tasks.clear()
        self._lanes.forget()
        self._answering.forget()

    def _new_lane(self, gives_way: bool) -> Lane[Row, Answer]:
        return Lane(
            self._run,
            check=self._check,
            restore=self._restore,
            stuck=self._relieve,
            died=self._observer.worker_died,
            not_restored=self._tell_if_none_is_left,
            hang_after_s=self._hang_after_s,
            name=self._name,
            gives_way=gives_way,
        )

    def _tell_if_none_is_left(self) -> None:
        if not self._lanes.is_ready:
            self._fail_all(ModelNotReady("the model could not be restarted"))

    @property
    def is_ready(self) -> bool:
        return self._lanes.is_ready

    @property
    def is_lost(self) -> bool:
        """Whether every lane is dead and could not be restored when that was tried last."""
        return self._lanes.is_lost

    @property
    def slower(self) -> float:
        """Return how many times longer batches take of late than by the curve."""
        return self._answering.speed

    @property
    def queue_size(self) -> int:
        return len(self._queue)

    @property
    def queue_wait_s(self) -> float:
        """Return after how many seconds a row that came now would be begun, behind all that waits."""
        return self._admission.queue_wait_s()

    def admit(
        self,
        deadline: float,
        priority: int = 0,
        caller: Hashable = "",
        foreseen: Sequence[int] = (),
        num_items: int = 1,
    ) -> Turn:
        """Let a request in if the model can compute, and one row more would be answered by `deadline`.

        So must be what is `foreseen` of its `num_items`, or of the first ones: the least lengths of their rows. The
        lower `priority`, the sooner it is its turn: 1 is the highest, 0 the default, which is that of level 2. Rows of
        a lower one share no batch with those of others; those of level 10 and beyond leave most of the time to others
        while others ask.
        """
        turn = Turn(deadline, priority, caller)
        seconds = sum(map(self._curve.row_seconds, foreseen))
        coming = self._coming.before(caller, seconds, handicap_of(priority))
        if coming or not self._admission.begins_at_once(1):
            share = self.share_of(turn.caller, turn.priority)
            self._admission.require_room(1, share)
            self._admission.require_time(max(num_items, len(foreseen)), seconds, turn, share, coming)
        return turn

    def preparing(self, turn: Turn, foreseen: Sequence[int]) -> AbstractContextManager[None]:
        """Take into account, for what its caller asks meanwhile, that the rows of a request are being prepared."""
        seconds = sum(map(self._curve.row_seconds, foreseen))
        return self._coming.rows(turn.caller, seconds, handicap_of(turn.priority))

    async def submit(self, rows: Sequence[Row], turn: Turn) -> Answers[Answer]:
        """Answer `rows`, all or none of which wait.

        Raises Overloaded and DeadlineExceeded, also if they must make room for others later, and InferenceFailed if one
        of them cannot be computed. Whoever cancels this call takes the rows that have not started out of the queue.
        """
        if not rows:
            return Answers([])
        lengths = [self._length(row) for row in rows]
        costs = [self._curve.row_seconds(length) for length in lengths]
        share = self.share_of(turn.caller, turn.priority)
        if not self._admission.begins_at_once(len(rows)):
            self._admission.require_room(len(rows), share)
            self._admission.require_time(len(rows), sum(costs), turn, share)
        waiting = self._enqueue(rows, lengths, costs, turn, share)
        futures = [one.future for one in waiting]
        self._deadlines.add(id(waiting), turn.deadline, lambda: _fail_late(futures))
        try:
            results = await asyncio.gather(*futures) if len(futures) > 1 else [await futures[0]]
            return answers_of(waiting, results)
        except InferenceFailed as error:
            error.row = next((i for i, one in enumerate(futures) if failed_with(one, error)), None)
            raise
        finally:
            self._deadlines.discard(id(waiting))
            self._abandon(waiting)

    def share_of(self, caller: Hashable, priority: int) -> Share:
        return self._queue.shares.of(caller, weight_of(priority))

    def _enqueue(
        self,
        rows: Sequence[Row],
        lengths: Sequence[int],
        costs: Sequence[float],
        turn: Turn,
        share: Share,
    ) -> list[Waiting[Row, tuple[Answer, Ran]]]:
        # A request of many rows takes its turns as if they had arrived one after another, each when the one
        # before could be done: a long text does not keep a short one waiting that came a moment later.
        submitted, handicap = perf_counter(), handicap_of(turn.priority)
        place = submitted + handicap
        waiting = []
        for row, length, cost in zip(rows, lengths, costs, strict=True):
            future: asyncio.Future[tuple[Answer, Ran]] = self._loop.create_future()
            self._unanswered.add(future)
            future.add_done_callback(self._unanswered.discard)
            # Who goes first must not wait for the company of who goes later.
            group = (self._group(row), handicap) if handicap > 0 else self._group(row)
            one = Waiting(row, length, group, place, submitted, turn.deadline, future, len(rows), share)
            one.traceparent = turn.traceparent
            waiting.append(one)
            place += cost
        for one in waiting:
            self._queue.push(one)
        self._admission.enter(waiting)
        self._arrived.set()
        if not self._lanes.has_idle:
            self._changed.set()
        self._relieve()
        return waiting

    def _abandon(self, waiting: Sequence[Waiting[Row, tuple[Answer, Ran]]]) -> None:
        """The caller has left: drop the rows that have not started, and end the runs that nobody waits for."""
        self._admission.leave(waiting)
        for one in waiting:
            one.future.cancel()
        # gather() has cancelled them already when the caller hung up; what counts is what is still queued.
        dropped = [one for one in waiting if self._queue.discard(one)]
        if dropped:
            count_dropped(self._observer, dropped, self._loop.time())
        self._lanes.end_unwanted()

    def _wait_again(self, waiting: Sequence[Waiting[Row, tuple[Answer, Ran]]]) -> None:
        for one in waiting:
            self._queue.push(one)
        self._arrived.set()  # the other lanes may have found nothing, and wait
        self._changed.set()

    def _tell_who_asks_for_little(self) -> None:
        if self._queue:
            self._changed.set()

    def _relieve(self) -> None:
        self._lanes.relieve(others_wait=bool(self._queue))

    async def _serve(self, lane: Lane[Row, Answer]) -> None:
        while True:
            await self._arrived.wait()
            # What waits is shared with the other lanes that have nothing to do.
            num_idle = sum(one.is_idle for one in self._lanes.own if one is not lane)
            share = -(-len(self._queue) // (1 + num_idle))
            batch = self._queue.take(min(share, self._max_batch_size), self._answering.max_cells, self._seconds_until)
            lane.is_idle = not batch
            if batch:
                await self._answering.answer(batch, lane)
                lane.is_idle = True
                del batch  # or its tensors would stay in memory until the next one
            elif not self._queue:
                self._arrived.clear()

    async def _serve_who_asks_for_little(self, lane: Lane[Row, Answer]) -> None:
        while True:
            # What runs longer than it should is much after a while, though nothing else has changed.
            with suppress(TimeoutError):
                async with asyncio.timeout(LONG_S if self._queue else None):
                    await self._changed.wait()
            self._changed.clear()
            while self._lanes.lets_ahead(NOBODY) and (
                batch := self._queue.take(
                    self._max_batch_size, self._answering.max_cells, self._seconds_until, self._lanes.lets_ahead
                )
            ):
                lane.is_idle = False
                await self._answering.answer(batch, lane)
                lane.is_idle = True
                del batch

    def _seconds_until(self, deadline: float) -> float:
        return SURE_SHARE * (deadline - self._loop.time()) / self._answering.speed

    def _fail_all(self, error: ServiceError) -> None:
        """Fail what is queued, in the batch being formed, or being computed."""
        for future in list(self._unanswered):
            fail(future, error)


def _fail_late(futures: Sequence[asyncio.Future[Any]]) -> None:
    for future in futures:
        fail(future, too_late())
