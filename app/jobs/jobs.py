"""The jobs of one process: which run, and what is asked about them."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Any, TypeVar

from app.errors import JobsUnavailable, ModelNotReady
from app.jobs.folder import JobsFolder
from app.jobs.items import ItemAnswers, Parse
from app.jobs.records import Job, JobState
from app.jobs.work import Requests, Work, Workshop
from app.serving.engine import Engine
from app.telemetry import Telemetry

log = logging.getLogger(__name__)
Result = TypeVar("Result")

MOST_RUNNING = 4  # jobs at a time, of all callers: each has lines in flight
LOOK_S = 3.0  # for jobs of other processes that share the folder and have ended
FORGET_S = 3600.0  # between two looks for what is old
NUM_THREADS = 4


class Jobs:
    """Runs jobs, oldest first; of callers who have several, one at a time while others wait."""

    def __init__(
        self,
        engine: Engine,
        telemetry: Telemetry,
        folder: JobsFolder,
        *,
        days: int,
        parse: Parse,
        most_line_bytes: int,
        most_file_bytes: int,
    ) -> None:
        """`parse` reads JSON within the limits of any request. Of a file, and of a line, are those the most bytes."""
        self.folder = folder
        self.most_file_bytes = most_file_bytes
        self._days = days
        self._threads = ThreadPoolExecutor(NUM_THREADS, "jobs")

        def items(job: Job) -> ItemAnswers:
            return ItemAnswers(
                engine,
                job.model,
                job.parameters,
                caller=caller_of_job(job.owner),
                parse=parse,
                threads=self._threads,
                format=job.format,
            )

        self._shop = Workshop(
            folder, items, NoRequests(), self._threads, telemetry, lambda: engine.is_stopping, most_line_bytes
        )
        self._running: dict[str, tuple[Work, asyncio.Task[None]]] = {}
        self._changed = asyncio.Event()
        telemetry.jobs_running.set_function(lambda: len(self._running))

    def answer_requests_by(self, requests: Requests) -> None:
        """Tell who answers lines that are whole requests: the application, which is made with these jobs."""
        self._shop = replace(self._shop, requests=requests)

    def permit_by(self, permit: Callable[[str], None]) -> None:
        """Ask `permit` with the owner of a job before each question: it may raise JobFailed and Overloaded."""
        self._shop = replace(self._shop, permit=permit)

    async def run(self) -> None:
        """Work through jobs, until this is cancelled."""
        forgot_at = -FORGET_S
        try:
            while not self._shop.is_stopping():
                self._changed.clear()
                try:
                    if await self.on_thread(lambda: self.folder.is_there):
                        await self._begin()
                        if monotonic() > forgot_at + FORGET_S:
                            await self.on_thread(lambda: self.folder.forget_old(self._days))
                            forgot_at = monotonic()
                except OSError as error:
                    log.error("the folder of jobs cannot be read: %s", error)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._changed.wait()
        finally:
            tasks = [task for _, task in self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._threads.shutdown(wait=False)

    def require_usable(self, job: Job) -> None:
        """Raise ModelNotFound or InvalidInput for a job that could answer no line. A model may become ready later."""
        if job.form == "items":
            with suppress(ModelNotReady):
                self._shop.items(job).check()

    def look(self) -> None:
        """Look for jobs now: there is a new one."""
        self._changed.set()

    def waits_for(self, job: Job) -> str:
        """Return why nothing happens to a job that this process runs; empty if there is no reason."""
        running = self._running.get(job.id)
        return running[0].waits_for if running else ""

    async def on_thread(self, function: Callable[[], Result]) -> Result:
        """Call what waits for the disk. Raises JobsUnavailable once the service stops."""
        try:
            running = asyncio.get_running_loop().run_in_executor(self._threads, function)
        except RuntimeError:  # the threads end before the last requests
            raise JobsUnavailable("the service is stopping") from None
        return await running

    async def _begin(self) -> None:
        waiting = [job for job in await self.on_thread(self.folder.unfinished) if job.id not in self._running]
        while waiting and len(self._running) < MOST_RUNNING:
            busy = Counter(work.job.owner for work, _ in self._running.values())
            job = min(waiting, key=lambda one: busy[one.owner])  # the oldest of them
            waiting.remove(job)
            lock = await self.on_thread(lambda job=job: self.folder.lock(job))  # type: ignore[misc]
            if lock is not None:
                work = Work(job, self._shop)
                self._running[job.id] = work, asyncio.create_task(self._run(work, lock))

    async def _run(self, work: Work, lock: int) -> None:
        try:
            await work.run()
        except Exception:
            log.exception("%s could not be ended", work.job.id)
            await asyncio.sleep(LOOK_S)  # it is tried again
        finally:
            os.close(lock)
            del self._running[work.job.id]
            self._changed.set()


class NoRequests:
    """Stands where no application is: a line that is a whole request has nobody to answer it."""

    patterns: tuple[str, ...] = ()

    def answers(self, owner: str) -> Any:
        raise JobsUnavailable("requests cannot be answered here")


def caller_of_job(owner: str) -> str:
    """Return as which caller a job asks: his own requests do not wait behind those of his job."""
    return f"batch of {owner}" if owner else "batch"


def state_told(folder: JobsFolder, job: Job) -> JobState:
    """Return the state of a job as of now, with the lines that are done. Waits for the disk."""
    state = folder.state(job)
    if state.is_final:
        return state
    counted = folder.counted(job)
    state = state.model_copy(update={"completed": counted.completed, "failed": counted.failed})
    return state.model_copy(update={"status": "cancelling"}) if folder.is_to_be_cancelled(job) else state
