"""One job from its file to its results, wherever an earlier process left it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Literal, Protocol, TypeVar

from app.errors import InvalidInput, JobNotFound, ModelNotFound, ModelNotReady
from app.full_disk import no_room
from app.jobs.asking import LineAnswerer
from app.jobs.folder import JobsFolder
from app.jobs.items import ItemAnswers
from app.jobs.journal import Journal
from app.jobs.prepared import prepare
from app.jobs.preparing import FileOrder, Verdict, verdict_of
from app.jobs.records import End, Job, JobEnded, JobFailed, JobState, LineFault, NoRoom, Status
from app.jobs.runner import LOOK_S, MODEL_PATIENCE_S, Runner
from app.telemetry import Telemetry

log = logging.getLogger(__name__)
Result = TypeVar("Result")

ROOM_PATIENCE_S = 600.0  # for a disk that is full: somebody has to look after it
REST_S = 2.0
# Of a file that is looked through here: that takes some milliseconds, and to start a process some tenths of a second.
# No field of CSV in a small one is longer than the csv module allows of itself.
SMALL_BYTES, COUNTED_BYTES = 131_072, 5_000_000
ROOM_LOOK_S = 5.0  # between two looks whether a caller has room for more results


class Requests(Protocol):
    """Whoever answers whole requests: the API, which is above this room."""

    patterns: tuple[str, ...]
    """Of the addresses that may be asked."""

    def answers(self, owner: str) -> LineAnswerer: ...


@dataclass(frozen=True, slots=True)
class Workshop:
    """The things that all jobs of a process have in common."""

    folder: JobsFolder
    items: Callable[[Job], ItemAnswers]
    requests: Requests
    threads: Executor
    telemetry: Telemetry
    is_stopping: Callable[[], bool]
    most_line_bytes: int
    permit: Callable[[str], None] = lambda owner: None


class Work:
    """A job that this process holds. `waits_for` says why nothing happens at the moment."""

    def __init__(self, job: Job, workshop: Workshop, *, patience_s: float = MODEL_PATIENCE_S) -> None:
        self.job = job
        self.waits_for = ""
        self._shop = workshop
        self._folder = workshop.folder
        self._place = workshop.folder.place(job)
        self._patience_s = patience_s
        self._is_ending = False
        self._room_looked_at = monotonic()

    async def run(self) -> None:
        """Bring the job to its end, or as far as the service goes on."""
        state = await self._on_thread(lambda: self._folder.state(self.job))
        if state.is_final:
            return
        end: End | Literal["failed"]
        with suppress(JobEnded):  # while it is ended: only if the service stops
            faults: list[LineFault] = []
            try:
                end, state = await self._to_its_end(state)
            except JobFailed as error:
                log.warning("%s failed: %s", self.job.id, error.__cause__ or error)
                end, faults = "failed", error.faults
            except JobNotFound as error:
                end, faults = "failed", [LineFault(message=str(error), code="file_not_found")]
            except JobEnded as error:
                end = error.end
            except Exception:
                log.exception("%s failed", self.job.id)
                end, faults = "failed", [LineFault(message="internal error; the log has the reason", code="internal")]
            if end != "stopped":
                await self._finish(state, end, faults)

    async def _to_its_end(self, state: JobState) -> tuple[End, JobState]:
        answerer = await self._or_end(self._answerer())
        if isinstance(answerer, str):
            return answerer, state
        if state.status == "validating":
            verdict = await self._or_end(self._prepared(answerer))
            if not isinstance(verdict, Verdict):
                return verdict, state
            verdict.require_good()
            state = state.model_copy(update={"total": verdict.total})
            state = await self._put(state, "in_progress")
        has_error_file = self.job.form == "requests"
        journal = Journal(
            self._place / "output", self._place / "errors" if has_error_file else None, self._place / "journal"
        )
        runner = Runner(
            self._lines, journal, answerer, self, self._shop.threads,
            most_line_bytes=self._shop.most_line_bytes, has_error_file=has_error_file, patience_s=self._patience_s,
        )  # fmt: skip
        return await runner.run(), state

    @property
    def _lines(self) -> Path:
        """Where the lines are: in the file of the caller, or in what was made of it."""
        if self.job.format != "jsonl":
            return self._place / "lines"
        return self._folder.content_of(self._folder.file(self.job.owner, self.job.file_id))

    async def _answerer(self) -> LineAnswerer:
        """Raises JobFailed for a model that is not there, or does not become ready."""
        if self.job.form == "requests":
            return self._shop.requests.answers(self.job.owner)
        answers, began = self._shop.items(self.job), monotonic()
        while True:
            try:
                answers.check()
            except (ModelNotFound, InvalidInput) as error:
                raise JobFailed(str(error)) from error
            except ModelNotReady as error:
                if monotonic() > began + self._patience_s:
                    raise JobFailed(f"waited {self._patience_s:.0f} s for the model: {error}") from error
                self.waits(str(error))
                await asyncio.sleep(LOOK_S)
            else:
                self.waits("")
                return answers

    async def _prepared(self, answerer: LineAnswerer) -> Verdict:
        stored = await self._on_thread(lambda: self._folder.file(self.job.owner, self.job.file_id))
        order = FileOrder(
            form=self.job.form,
            format=self.job.format,
            path=str(self._folder.content_of(stored)),
            lines=str(self._place / "lines"),
            most_line_bytes=self._shop.most_line_bytes,
            most_bytes=max(0, await self._on_thread(lambda: self._folder.room(self.job.owner))),
            urls=self._shop.requests.patterns if self.job.form == "requests" else (),
            endpoint=self.job.endpoint,
            **(answerer.columns() if isinstance(answerer, ItemAnswers) else {}),
        )
        only_counts = order.form == "items" and order.format == "jsonl"
        if order.format != "parquet" and stored.bytes <= (COUNTED_BYTES if only_counts else SMALL_BYTES):
            return await self._patiently(lambda: self._on_thread(lambda: verdict_of(order)))
        return await self._patiently(lambda: prepare(order))

    async def _or_end(self, working: Awaitable[Result]) -> Result | End:
        """Return what is worked at or, if the job is to end before, why; the work is ended then."""
        task = asyncio.ensure_future(working)
        try:
            while not (await asyncio.wait({task}, timeout=LOOK_S))[0]:
                if (end := await self._on_thread(self.end)) is not None:
                    return end
            return task.result()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

    async def _finish(self, state: JobState, status: Status, faults: list[LineFault]) -> None:
        self._is_ending = True
        if status == "completed":
            state = await self._put(state, "finalizing")

        def published() -> JobState:
            counted = self._folder.counted(self.job)
            has_output = self._publish("output", self.job.output_file_id, "batch_output", counted.output_bytes)
            has_errors = self._publish("errors", self.job.error_file_id, "batch_errors", counted.error_bytes)
            return state.model_copy(
                update={
                    "has_output": has_output,
                    "has_errors": has_errors,
                    "completed": counted.completed,
                    "failed": counted.failed,
                    "faults": faults,
                }
            )

        await self._put(await self._patiently(lambda: self._on_thread(published)), status)
        await self._on_thread(self._sweep)
        self._shop.telemetry.jobs_ended.labels(status).inc()
        log.info("%s has %s", self.job.id, status)

    def _publish(self, name: str, file_id: str, purpose: str, size: int) -> bool:
        """Make results a file of the caller, unless an earlier process did; false if there are none."""
        if size and not self._folder.has(file_id):
            stored_as = f"{self.job.id}_{name}.jsonl"
            self._folder.keep(self._place / name, self.job.owner, stored_as, purpose, file_id)
        return size > 0

    def _sweep(self) -> None:
        for name in ("lines", "output", "errors", "journal", "cancel"):
            (self._place / name).unlink(missing_ok=True)

    async def _put(self, state: JobState, status: Status) -> JobState:
        changed = state.model_copy(update={"status": status, "times": {**state.times, status: int(time.time())}})
        await self.store(lambda: self._folder.put_state(self.job, changed))
        return changed

    # As the runner sees it.

    def end(self) -> End | None:
        """Raises JobFailed if the caller has no room for results."""
        if self._shop.is_stopping():
            return "stopped"
        if self._folder.is_to_be_cancelled(self.job):
            return "cancelled"
        if time.time() > self.job.expires_at:
            return "expired"
        if monotonic() > self._room_looked_at + ROOM_LOOK_S and not self._is_ending:
            self._room_looked_at = monotonic()
            if self._folder.room(self.job.owner) < 0:
                raise JobFailed("there is no room for more results: delete files, and send what is left again")
        return None

    def require_allowed(self) -> None:
        self._shop.permit(self.job.owner)

    def waits(self, reason: str) -> None:
        self.waits_for = reason

    def counts(self, completed: int, failed: int) -> None:
        for outcome, number in (("completed", completed), ("failed", failed)):
            self._shop.telemetry.job_lines.labels(outcome).inc(number)

    async def store(self, function: Callable[[], None]) -> None:
        await self._patiently(lambda: self._on_thread(function))

    async def _patiently(self, working: Callable[[], Awaitable[Result]]) -> Result:
        """Return what is worked at, tried again where it finds no room. Raises JobFailed after ROOM_PATIENCE_S."""
        began = monotonic()
        while True:
            try:
                result = await working()
            except (NoRoom, OSError) as error:
                words = str(error) if isinstance(error, NoRoom) else no_room(error)
                if not words:
                    raise
                if (end := await self._on_thread(self.end)) is not None and (end == "stopped" or not self._is_ending):
                    raise JobEnded(end) from error
                if monotonic() > began + ROOM_PATIENCE_S:
                    raise JobFailed(f"waited {ROOM_PATIENCE_S:.0f} s for room: {words}") from error
                self.waits(words)
                await asyncio.sleep(REST_S)
            else:
                if monotonic() > began + REST_S:
                    self.waits("")
                return result

    async def _on_thread(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._shop.threads, function)
