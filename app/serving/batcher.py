"""Dynamic batching. Knows nothing of models, tensors or HTTP.

Work is dispatched when the worker is idle; while it is busy, arrivals accumulate. There is no window to wait for.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Generic, Protocol, Self, TypeVar

from app.errors import DeadlineExceeded, InferenceFailed, ModelNotReady, Overloaded, ServiceError
from app.runtimes.interrupt import Interrupted
from app.serving.curve import LatencyCurve
from app.serving.deadlines import Deadlines
from app.serving.lane import Lane
from app.serving.queue import RowQueue, Waiting
from app.serving.shares import HEAVY_S, NOBODY, Share
from app.serving.worker import WorkerDied

Row = TypeVar("Row")
Answer = TypeVar("Answer")

log = logging.getLogger(__name__)

LEARNING_RATE = 0.1
# Of the time until a deadline, what an estimate may fill: who comes later may yet go first, in the batch of somebody
# else, and a refusal in time is better than an answer too late. At twice its saturation a model answers as many in time
# with a half as with seven tenths, and none too late instead of one in two hundred; at its saturation up to 2 % less.
SURE_SHARE = 0.5
# A level of priority is worth this much of having come earlier, among what one caller asks. So it decides what goes
# first of what came within some seconds, and nothing starves: what has waited for longer goes before any newcomer.
LEVEL_S = 1.0
DEFAULT_LEVEL = 2
# From this level on, work is what nobody waits for now: while others ask, they get so many seconds for each of its own.
BACKGROUND_LEVEL, BACKGROUND_WEIGHT = 10, 8.0


class Observer(Protocol):
    """Is told what happens, for metrics."""

    def batch(self, rows: int, length: int, useful: float, seconds: float, queue_s: Sequence[float]) -> None: ...

    def refused(self, reason: str, rows: int) -> None: ...

    def dropped(self, reason: str, rows: int) -> None: ...

    def failed(self, rows: int) -> None: ...

    def worker_died(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Ran:
    """The batch in which a row was answered; times are of `perf_counter`, since an event loop may count in ms."""

    started: float
    ended: float
    rows: int
    length: int


@dataclass(frozen=True, slots=True)
class Answers(Generic[Answer]):
    """One answer for each submitted row, in order, and what it took."""

    values: list[Answer]
    queue_s: float = 0.0
    inference_s: float = 0.0
    largest_batch: str = "0x0"


@dataclass(slots=True)
class _State:
    speed: float = 1.0  # how much slower than the curve the machine is just now
    cost: float = 1.0  # what rows take, in times of what they would in the best batches of their likes
    max_cells: dict[Hashable, float] = field(default_factory=dict)  # of a group: rows x length that fit into memory


@asynccontextmanager
async def answer_by(deadline: float) -> AsyncIterator[None]:
    """Raise DeadlineExceeded when the event loop's clock reaches `deadline`, whatever is still running then."""
    try:
        async with asyncio.timeout_at(deadline):
            yield
    except TimeoutError:
        raise _too_late() from None


class Batcher(Generic[Row, Answer]):
    """Answer rows in batches, through one blocking function.

    `run` gets a list of rows and must return one answer for each, in order. It is called on `num_workers` threads,
    on each once at a time. `length` is what a row is padded to; rows of different `group` never share a batch.
    `restore` makes `run` usable again after a thread died, or when `check` raises after some rows in a row have
    failed; while it does so on every thread, `is_ready` is false.

    Callers get equal shares of the time that runs take. Who asks for little does not wait for a run of somebody who
    asks for much: one thread more than `num_workers` is kept for that, and shares the cores with the others.

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
        num_workers: int = 1,
        hang_after_s: float = 60.0,
        name: str = "batcher",
    ) -> None:
        self._run = run
        self._curve = curve
        self._max_batch_size = max_batch_size
        self._max_queue_size = max_queue_size
        self._observer = observer
        self._length = length
        self._group = group
        self._check = check
        self._restore = restore
        self._num_workers = num_workers
        self._hang_after_s = hang_after_s
        self._name = name
        self._queue: RowQueue[Row, tuple[Answer, Ran]] = RowQueue(curve)
        self._unanswered: set[asyncio.Future[tuple[Answer, Ran]]] = set()
        self._state = _State()
        self._requests: dict[Share, dict[int, Sequence[Waiting[Row, tuple[Answer, Ran]]]]] = {}
        self._deadlines = Deadlines()
        self._arrived = asyncio.Event()
        self._changed = asyncio.Event()
        self._running: dict[Lane[Row, Answer], Sequence[Waiting[Row, tuple[Answer, Ran]]]] = {}

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._lanes = [self._new_lane() for _ in range(self._num_workers)]
        self._express = self._new_lane()
        serving = [*map(self._serve, self._lanes), self._serve_who_asks_for_little(self._express)]
        self._tasks = [asyncio.create_task(one, name=self._name) for one in serving]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._fail_all(ModelNotReady("the model was unloaded before it answered"))
        lanes = [*self._lanes, self._express]
        for lane in lanes:
            lane.stop()
        await asyncio.gather(*(lane.ended() for lane in lanes))
        self._deadlines.close()
        # They refer back to this; and the garbage collector is told not to look for circles in what has been live.
        self._tasks.clear()
        self._lanes.clear()
        del self._express, lanes, lane

    def _new_lane(self) -> Lane[Row, Answer]:
        return Lane(
            self._run,
            check=self._check,
            restore=self._restore,
            stuck=self._relieve,
            died=self._observer.worker_died,
            not_restored=self._tell_if_none_is_left,
            hang_after_s=self._hang_after_s,
            name=self._name,
        )

    def _tell_if_none_is_left(self) -> None:
        if not self.is_ready:
            self._fail_all(ModelNotReady("the model could not be restarted"))

    @property
    def is_ready(self) -> bool:
        """Whether a worker is alive and gets on with its work."""
        return any(lane.is_ready for lane in self._lanes)

    @property
    def is_lost(self) -> bool:
        """Whether every worker is dead and could not be restored when that was tried last."""
        return all(lane.is_lost for lane in self._lanes)

    @property
    def slower(self) -> float:
        """How many times longer batches take of late than by the curve."""
        return self._state.speed

    @property
    def queue_size(self) -> int:
        return len(self._queue)

    def admit(self, num_rows: int, seconds: float, deadline: float, priority: int = 0, caller: Hashable = "") -> None:
        """Raise unless `num_rows` rows, which cost `seconds` by the curve, would be answered by `deadline`.

        An idle model tries whatever fits its queue: only work shows whether the estimate is still right.
        Raises ModelNotReady, Overloaded, or DeadlineExceeded if even without the others it would be too late.
        """
        if not self._lanes:
            raise ModelNotReady("the model was unloaded")
        if not self.is_ready:
            raise ModelNotReady("the model hangs" if self._lanes[0].is_alive else "the model is being restarted")
        share = self._queue.shares.of(caller, weight_of(priority))
        # Rows of one request are shared out among the workers like any others.
        at_once = min(max(num_rows, 1), len(self._lanes))
        own, left = seconds * self._state.cost / at_once, deadline - self._loop.time()
        patience = SURE_SHARE * left
        wait = self._wait(self._queue.seconds, share)
        missing = len(self._queue) + num_rows - self._max_queue_size
        if missing > 0 and not self._make_room(missing, num_rows, share):
            self._observer.refused("queue", num_rows)
            raise Overloaded(f"{len(self._queue)} rows are waiting, the queue holds {self._max_queue_size}", wait)
        if not self._queue and any(lane.is_idle and lane.is_ready for lane in self._lanes):
            return
        if wait + own <= patience:
            return
        if own > left:
            self._observer.refused("deadline", num_rows)
            raise DeadlineExceeded(f"this takes about {own:.2f} s alone, too long for a deadline {left:.2f} s away")
        # Not all that waits goes first: others have had more, and the rows of long requests have turns in the future.
        turn = perf_counter() + _handicap(priority) + seconds
        wait = self._wait(self._queue.seconds_before(turn, share, seconds), share)
        if wait + own > patience:
            self._observer.refused("wait", num_rows)
            raise Overloaded(
                f"the answer would take about {wait + own:.2f} s, which is too late", wait + own - patience
            )

    def _wait(self, queued_s: float, share: Share) -> float:
        """Seconds until the workers, together, have done `queued_s` more by the curve, and what they do now."""
        now, lanes = perf_counter(), [lane for lane in self._lanes if lane.is_ready]
        is_ahead = self._goes_ahead(share)
        running_s = 0.0 if is_ahead else sum(max(0.0, lane.busy_until - now) for lane in lanes)
        return (running_s + queued_s * self._state.cost) / max(1, len(lanes))  # none, if one has just begun to hang

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
                _fail(one.future, error)
            if missing <= 0:
                break
        return True

    async def submit(
        self, rows: Sequence[Row], deadline: float, priority: int = 0, caller: Hashable = ""
    ) -> Answers[Answer]:
        """Answer `rows`, all or none of which are admitted, by `deadline` (of the event loop's clock).

        The lower `priority`, the sooner it is their turn: 1 is the highest, 0 the default, which is that of level 2.
        Rows of a lower one share no batch with those of others; those of level 10 and beyond leave most of the time to
        others while others ask.
        Raises what `admit` raises, DeadlineExceeded, InferenceFailed if one of the rows cannot be computed, and
        Overloaded if the queue is full and the rows must make room for others.
        Whoever cancels this call takes the rows that have not started out of the queue.
        """
        if not rows:
            return Answers([])
        lengths = [self._length(row) for row in rows]
        costs = [self._curve.row_seconds(length) for length in lengths]
        self.admit(len(rows), sum(costs), deadline, priority, caller)
        share = self._queue.shares.of(caller, weight_of(priority))
        waiting = self._enqueue(rows, lengths, costs, deadline, _handicap(priority), share)
        futures = [one.future for one in waiting]
        self._deadlines.add(id(waiting), deadline, lambda: _fail_late(futures))
        try:
            results = await asyncio.gather(*futures) if len(futures) > 1 else [await futures[0]]
            return _answers(waiting, results)
        except InferenceFailed as error:
            error.row = next((i for i, one in enumerate(futures) if _failed_with(one, error)), None)
            raise
        finally:
            self._deadlines.discard(id(waiting))
            self._abandon(waiting)

    def _enqueue(
        self,
        rows: Sequence[Row],
        lengths: Sequence[int],
        costs: Sequence[float],
        deadline: float,
        handicap: float,
        share: Share,
    ) -> list[Waiting[Row, tuple[Answer, Ran]]]:
        # A request of many rows takes its turns as if they had arrived one after another, each when the one
        # before could be done: a long text does not keep a short one waiting that came a moment later.
        submitted = perf_counter()
        turn = submitted + handicap
        waiting = []
        for row, length, cost in zip(rows, lengths, costs, strict=True):
            future: asyncio.Future[tuple[Answer, Ran]] = self._loop.create_future()
            self._unanswered.add(future)
            future.add_done_callback(self._unanswered.discard)
            # Who goes first must not wait for the company of who goes later.
            group = (self._group(row), handicap) if handicap > 0 else self._group(row)
            waiting.append(Waiting(row, length, group, turn, submitted, deadline, future, len(rows), share))
            turn += cost
        for one in waiting:
            self._queue.push(one)
        self._requests.setdefault(share, {})[id(waiting)] = waiting
        self._arrived.set()
        if not any(lane.is_idle for lane in self._lanes):
            self._changed.set()
        self._relieve()
        return waiting

    def _abandon(self, waiting: Sequence[Waiting[Row, tuple[Answer, Ran]]]) -> None:
        """The caller has left: drop the rows that have not started, and end the runs that nobody waits for."""
        share = waiting[0].share
        del self._requests[share][id(waiting)]
        if not self._requests[share]:
            del self._requests[share]
        for one in waiting:
            one.future.cancel()
        # gather() has cancelled them already when the caller hung up; what counts is what is still queued.
        self._count_dropped([one for one in waiting if self._queue.discard(one)])
        for lane, batch in self._running.items():
            if all(one.future.done() for one in batch):
                lane.interrupt()

    def _count_dropped(self, rows: Sequence[Waiting[Row, tuple[Answer, Ran]]]) -> None:
        num_late = sum(self._loop.time() >= one.deadline for one in rows)
        for reason, number in (("expired", num_late), ("abandoned", len(rows) - num_late)):
            if number:
                self._observer.dropped(reason, number)

    def _relieve(self) -> None:
        """End the runs that are stuck and keep somebody waiting: in the same batch, or for want of a free lane."""
        stuck = [lane for lane in self._running if lane.is_stuck]
        for lane in stuck:
            if sum(not one.future.done() for one in self._running[lane]) > 1:
                lane.relieve()
        if stuck and self._queue and not any(lane.is_idle for lane in self._lanes):
            min(stuck, key=lambda lane: lane.busy_until).relieve()

    async def _serve(self, lane: Lane[Row, Answer]) -> None:
        while True:
            await self._arrived.wait()
            # What waits is shared with the other workers that have nothing to do.
            num_idle = sum(one.is_idle for one in self._lanes if one is not lane)
            share = -(-len(self._queue) // (1 + num_idle))
            batch = self._queue.take(min(share, self._max_batch_size), self._state.max_cells, self._seconds_until)
            lane.is_idle = not batch
            if batch:
                await self._answer_and_count(batch, lane)
                lane.is_idle = True
                del batch  # or its tensors would stay in memory until the next one
            elif not self._queue:
                self._arrived.clear()

    async def _serve_who_asks_for_little(self, lane: Lane[Row, Answer]) -> None:
        while True:
            # What runs longer than it should is much after a while, though nothing else has changed.
            with suppress(TimeoutError):
                async with asyncio.timeout(HEAVY_S if self._queue else None):
                    await self._changed.wait()
            self._changed.clear()
            while self._goes_ahead(NOBODY) and (
                batch := self._queue.take(
                    self._max_batch_size, self._state.max_cells, self._seconds_until, self._goes_ahead
                )
            ):
                lane.is_idle = False
                await self._answer_and_count(batch, lane)
                lane.is_idle = True
                del batch

    def _goes_ahead(self, share: Share) -> bool:
        """Return whether all workers are busy with rows that this share need not wait for."""
        now = perf_counter()
        return not any(lane.is_idle for lane in self._lanes) and all(
            share.is_light_beside(batch[0].share, now - lane.busy_since)
            for lane, batch in self._running.items()
            if lane is not self._express
        )

    def _seconds_until(self, deadline: float) -> float:
        return SURE_SHARE * (deadline - self._loop.time()) / self._state.speed

    async def _answer_and_count(
        self, batch: Sequence[Waiting[Row, tuple[Answer, Ran]]], lane: Lane[Row, Answer]
    ) -> None:
        before = lane.used_s
        await self._answer(batch, lane)
        self._queue.ended(batch, lane.used_s - before)

    async def _answer(self, batch: Sequence[Waiting[Row, tuple[Answer, Ran]]], lane: Lane[Row, Answer]) -> None:
        """Run a batch; if it fails, try again with less of it, so that only the row that is at fault fails."""
        now = self._loop.time()
        live = [one for one in batch if not one.future.done() and one.deadline > now]
        if not live:
            return
        try:
            answers, ran = await self._compute(live, lane)
        except Interrupted:
            self._retry_alone(live, _stuck())
        except WorkerDied as error:
            await lane.revive(error)
            self._retry_alone(live, _failure(error))
        except Exception as error:  # whatever a kernel raises must not end the loop
            if len(live) > 1:
                if isinstance(error, MemoryError):
                    self._remember_what_fits(live)
                log.warning("%s: a batch of %d failed and is halved: %r", self._name, len(live), error)
                await self._answer(live[: len(live) // 2], lane)
                await self._answer(live[len(live) // 2 :], lane)
            else:
                log.error("%s: a row failed", self._name, exc_info=error)
                self._observer.failed(1)
                _fail(live[0].future, error if isinstance(error, ServiceError) else _failure(error))
                await lane.failed()
        else:
            lane.succeeded()
            for one, answer in zip(live, answers, strict=True):
                if not one.future.done():  # hung up while we computed
                    one.future.set_result((answer, ran))

    def _retry_alone(self, batch: Sequence[Waiting[Row, tuple[Answer, Ran]]], failure: ServiceError) -> None:
        """Let each row of a batch that did not end wait for a run of its own; a row that had one fails."""
        wanted = [one for one in batch if not one.future.done()]
        self._count_dropped([one for one in batch if one.future.done()])
        if len(batch) == 1:
            for one in wanted:
                self._observer.failed(1)
                _fail(one.future, failure)
        elif wanted:
            log.warning("%s: a batch of %d did not end; its rows are tried one by one", self._name, len(batch))
            for one in wanted:
                one.group = object()
                self._queue.push(one)
            self._arrived.set()  # the other workers may have found nothing, and wait
            self._changed.set()

    def _remember_what_fits(self, live: Sequence[Waiting[Row, tuple[Answer, Ran]]]) -> None:
        group, cells = live[0].group, len(live) * max(one.length for one in live) / 2
        self._state.max_cells[group] = min(cells, self._state.max_cells.get(group, cells))

    def _fail_all(self, error: ServiceError) -> None:
        """Fail what is queued, in the batch being formed, or being computed."""
        for future in list(self._unanswered):
            _fail(future, error)

    async def _compute(
        self, live: Sequence[Waiting[Row, tuple[Answer, Ran]]], lane: Lane[Row, Answer]
    ) -> tuple[Sequence[Answer], Ran]:
        rows, length = [one.row for one in live], max(one.length for one in live)
        expected = self._curve.seconds(len(rows), length)
        self._running[lane] = live
        if self._queue:
            self._changed.set()
        started = perf_counter()
        try:
            answers = await lane.run(rows, expected * self._state.speed)
        finally:
            del self._running[lane]
        ended = perf_counter()
        if len(answers) != len(rows):
            raise InferenceFailed(f"{len(rows)} rows gave {len(answers)} answers")
        ideal = sum(self._curve.row_seconds(one.length) for one in live)
        self._state.speed += LEARNING_RATE * (min(max((ended - started) / expected, 0.2), 5.0) - self._state.speed)
        self._state.cost += LEARNING_RATE * (min(max((ended - started) / ideal, 0.2), 5.0) - self._state.cost)
        useful = sum(one.length for one in live) / (len(live) * length)
        self._observer.batch(len(rows), length, useful, ended - started, [started - one.submitted for one in live])
        return answers, Ran(started, ended, len(rows), length)


def _answers(
    waiting: Sequence[Waiting[Row, tuple[Answer, Ran]]], results: Sequence[tuple[Answer, Ran]]
) -> Answers[Answer]:
    runs = [ran for _, ran in results]
    largest = max(runs, key=lambda ran: ran.rows * ran.length)
    first = min(ran.started for ran in runs)
    return Answers(
        [answer for answer, _ in results],
        queue_s=first - waiting[0].submitted,
        inference_s=max(ran.ended for ran in runs) - first,
        largest_batch=f"{largest.rows}x{largest.length}",
    )


def weight_of(priority: int) -> float:
    """Return how many seconds a second of work of this priority counts as."""
    return BACKGROUND_WEIGHT if priority >= BACKGROUND_LEVEL else 1.0


def _handicap(priority: int) -> float:
    """Return how many seconds later than a row of the default priority a row of this one has its turn."""
    return LEVEL_S * (min(priority, BACKGROUND_LEVEL) - DEFAULT_LEVEL) if priority else 0.0


def _fail_late(futures: Sequence[asyncio.Future[Any]]) -> None:
    for future in futures:
        _fail(future, _too_late())


def _too_late() -> DeadlineExceeded:
    return DeadlineExceeded("the deadline passed before the answer was ready")


def _stuck() -> DeadlineExceeded:
    return DeadlineExceeded("the model takes too long on this input, and was stopped so that others are answered")


def _fail(future: asyncio.Future[Any], error: ServiceError) -> None:
    if not future.done():
        future.set_exception(error)


def _failed_with(future: asyncio.Future[Any], error: ServiceError) -> bool:
    return future.done() and not future.cancelled() and future.exception() is error


def _failure(error: Exception) -> InferenceFailed:
    """What a kernel says may quote paths or inputs; the log has it, and the error as the cause of this one."""
    if isinstance(error, MemoryError):
        failure = InferenceFailed("the model ran out of memory on this input alone")
    else:
        failure = InferenceFailed(f"the model failed on this input ({type(error).__name__})")
    failure.__cause__ = error
    return failure
