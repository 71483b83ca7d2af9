"""A batch on its way through a lane: if it fails, less of it is tried, so that only the row that is at fault fails."""

import asyncio
import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

from app.errors import DeadlineExceeded, InferenceFailed, ServiceError
from app.runtimes.interrupt import Interrupted
from app.serving.curve import LatencyCurve
from app.serving.lane import Lane
from app.serving.lanes import Lanes
from app.serving.queue import RowQueue, Waiting
from app.serving.scheduler import Answers
from app.serving.worker import WorkerDied

Row = TypeVar("Row")
Answer = TypeVar("Answer")

log = logging.getLogger(__name__)

LEARNING_RATE = 0.1  # of the last batch: some tens of batches make up what is believed
# One batch says no more than this of how much slower or faster than the curve batches are: the machine may have slept.
LEAST_TOLD, MOST_TOLD = 0.2, 5.0


class Observer(Protocol):
    """Is told what happens, for metrics."""

    def batch(self, rows: int, length: int, useful: float, seconds: float, queue_s: Sequence[float]) -> None: ...

    def traced(self, requests: Sequence[str], started: float, rows: int, length: int, error: str = "") -> str: ...

    def refused(self, reason: str, rows: int) -> None: ...

    def dropped(self, reason: str, rows: int) -> None: ...

    def failed(self, rows: int) -> None: ...

    def worker_died(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Ran:
    """The batch in which a row was answered; times are of `perf_counter`, since an event loop may count in ms.

    `traceparent` is its own, if one of its requests has a trace that is recorded.
    """

    started: float
    ended: float
    rows: int
    length: int
    traceparent: str = ""


class Answering(Generic[Row, Answer]):
    """Computes batches on lanes, and learns how long they take.

    `again` lets rows wait for another run, `begun` is told that one has begun.
    """

    def __init__(
        self,
        queue: RowQueue[Row, tuple[Answer, Ran]],
        lanes: Lanes[Row, Answer, tuple[Answer, Ran]],
        *,
        curve: LatencyCurve,
        observer: Observer,
        again: Callable[[Sequence[Waiting[Row, tuple[Answer, Ran]]]], None],
        begun: Callable[[], None],
        name: str,
    ) -> None:
        self._queue, self._lanes, self._curve, self._observer = queue, lanes, curve, observer
        self._again, self._begun, self._name = again, begun, name
        self._loop = asyncio.get_running_loop()
        self.speed = 1.0
        """The factor by which batches take longer of late than by the curve."""
        self.cost = 1.0
        """The factor by which rows take longer than they would in the best batches of their likes."""
        self.max_cells: dict[Hashable, float] = {}
        """Of a group: rows x length that fit into memory, where less than a batch did."""

    def forget(self) -> None:
        """Refer to nobody any more, once all lanes have stopped."""
        self._again, self._begun = (lambda rows: None), (lambda: None)

    async def answer(self, batch: Sequence[Waiting[Row, tuple[Answer, Ran]]], lane: Lane[Row, Answer]) -> None:
        """Run a batch, and count the time that it took against those whose rows it has."""
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
            self._retry_alone(live, _too_slow())
        except WorkerDied as error:
            await lane.revive(error)
            self._retry_alone(live, failure_of(error))
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
                fail(live[0].future, error if isinstance(error, ServiceError) else failure_of(error))
                await lane.failed()
        else:
            lane.succeeded()
            for one, answer in zip(live, answers, strict=True):
                if not one.future.done():  # hung up while we computed
                    one.future.set_result((answer, ran))

    def _retry_alone(self, batch: Sequence[Waiting[Row, tuple[Answer, Ran]]], failure: ServiceError) -> None:
        """Let each row of a batch that did not end wait for a run of its own; a row that had one fails."""
        wanted = [one for one in batch if not one.future.done()]
        count_dropped(self._observer, [one for one in batch if one.future.done()], self._loop.time())
        if len(batch) == 1:
            for one in wanted:
                self._observer.failed(1)
                fail(one.future, failure)
        elif wanted:
            log.warning("%s: a batch of %d did not end; its rows are tried one by one", self._name, len(batch))
            for one in wanted:
                one.group = object()
            self._again(wanted)

    def _remember_what_fits(self, live: Sequence[Waiting[Row, tuple[Answer, Ran]]]) -> None:
        group, cells = live[0].group, len(live) * max(one.length for one in live) / 2
        self.max_cells[group] = min(cells, self.max_cells.get(group, cells))

    async def _compute(
        self, live: Sequence[Waiting[Row, tuple[Answer, Ran]]], lane: Lane[Row, Answer]
    ) -> tuple[Sequence[Answer], Ran]:
        rows, length = [one.row for one in live], max(one.length for one in live)
        expected = self._curve.seconds(len(rows), length)
        self._lanes.running[lane] = live
        self._begun()
        started, before = perf_counter(), lane.used_s
        try:
            answers = await lane.run(rows, expected * self.speed)
        except Exception as error:
            self._trace(live, started, length, type(error).__name__)
            raise
        finally:
            del self._lanes.running[lane]
        ended = perf_counter()
        if len(answers) != len(rows):
            raise InferenceFailed(f"{len(rows)} rows gave {len(answers)} answers")
        ideal = sum(self._curve.row_seconds(one.length) for one in live)
        self.speed += LEARNING_RATE * (_told((ended - started) / expected) - self.speed)
        self.cost += LEARNING_RATE * (_told((ended - started) / ideal) - self.cost)
        self._curve.learn(len(rows), length, ended - started, lane.used_s - before)
        useful = sum(one.length for one in live) / (len(live) * length)
        self._observer.batch(len(rows), length, useful, ended - started, [started - one.submitted for one in live])
        return answers, Ran(started, ended, len(rows), length, self._trace(live, started, length))

    def _trace(
        self, live: Sequence[Waiting[Row, tuple[Answer, Ran]]], started: float, length: int, error: str = ""
    ) -> str:
        """Tell of a batch if one of its requests is traced, and return its traceparent; empty if none is."""
        requests = list(dict.fromkeys([one.traceparent for one in live if one.traceparent]))
        return self._observer.traced(requests, started, len(live), length, error) if requests else ""


def answers_of(
    waiting: Sequence[Waiting[Row, tuple[Answer, Ran]]], results: Sequence[tuple[Answer, Ran]]
) -> Answers[Answer]:
    """Return the answers of one request, and what they took together."""
    runs = [ran for _, ran in results]
    largest = max(runs, key=lambda ran: ran.rows * ran.length)
    first = min(ran.started for ran in runs)
    return Answers(
        [answer for answer, _ in results],
        queue_s=first - waiting[0].submitted,
        inference_s=max(ran.ended for ran in runs) - first,
        rows=largest.rows,
        length=largest.length,
        batches=tuple(dict.fromkeys(ran.traceparent for ran in runs)) if waiting[0].traceparent else (),
    )


def _told(times: float) -> float:
    return min(max(times, LEAST_TOLD), MOST_TOLD)


def count_dropped(observer: Observer, rows: Sequence[Waiting[Any, Any]], now: float) -> None:
    num_late = sum(now >= one.deadline for one in rows)
    for reason, number in (("expired", num_late), ("abandoned", len(rows) - num_late)):
        if number:
            observer.dropped(reason, number)


def fail(future: asyncio.Future[Any], error: ServiceError) -> None:
    if not future.done():
        future.set_exception(error)


def failed_with(future: asyncio.Future[Any], error: ServiceError) -> bool:
    return future.done() and not future.cancelled() and future.exception() is error


def failure_of(error: Exception, what: str = "input") -> InferenceFailed:
    """Return the error for a kernel's. Its words may quote paths or inputs: the log has them, and the error's cause."""
    if isinstance(error, MemoryError):
        failure = InferenceFailed(f"the model ran out of memory on this {what} alone")
    else:
        failure = InferenceFailed(f"the model failed on this {what} ({type(error).__name__})")
    failure.__cause__ = error
    return failure


def _too_slow() -> DeadlineExceeded:
    return DeadlineExceeded("the model takes too long on this input, and was stopped so that others are answered")
