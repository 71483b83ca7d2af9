"""Work through the lines of one file: some at a time, in order, and each once."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Protocol, TypeVar

from app.errors import DeadlineExceeded, ModelNotReady, Overloaded
from app.jobs.asking import LineAnswerer, LineResult
from app.jobs.journal import Journal
from app.jobs.line_reader import InputLine, LineReader
from app.jobs.records import End, JobFailed

Result = TypeVar("Result")

# Questions that are asked at a time: of several lines, and of one each. Quick ones keep the event loop busy, and others
# wait for it; of those that take long, such as texts that a model writes, many are hardly slower than one.
MOST_GROUPED, FEW_ALONE, MOST_ALONE = 3, 4, 16
QUICK_S, SLOW_S = 0.05, 0.2  # a question that takes less may have twice as many lines, and one that takes more half
MOST_HELD_BYTES = 64_000_000  # of lines and results that wait for those before them
MOST_GROUPS = 512
AHEAD_LINES, AHEAD_BYTES = 512, 256_000  # that are read at a time
COMMIT_S, COMMIT_BYTES = 0.5, 4_000_000  # after so long, or so much, results are put on the disk
LOOK_S = 0.5  # whether the job is to end
MOST_TRIES = 3  # of a line whose answer was too late
LONGEST_REST_S = 30.0
MODEL_PATIENCE_S = 120.0  # for a model that is not ready: a load takes seconds
FIRST_REST_S = 0.2


class Watch(Protocol):
    """The world around a run."""

    def end(self) -> End | None:
        """The reason to end now, if there is one. Called on a thread, each LOOK_S."""
        ...

    def require_allowed(self) -> None:
        """Raise JobFailed if whoever the job is of may ask no more, and Overloaded if he may later. Called by the task
        that then asks."""
        ...

    def waits(self, reason: str) -> None:
        """Tell why nothing is done at the moment; empty when it goes on."""
        ...

    def counts(self, completed: int, failed: int) -> None:
        """Tell of so many more lines that are done."""
        ...

    async def store(self, function: Callable[[], None]) -> None:
        """Call `function` on a thread, and again where it found no room. Raises JobFailed after a while."""
        ...


@dataclass(slots=True)
class _Group:
    lines: Sequence[InputLine]
    held_bytes: int
    task: "asyncio.Task[list[LineResult]]"


class Runner:
    """One run over a file, from where its journal ends."""

    def __init__(
        self,
        lines: Path,
        journal: Journal,
        answerer: LineAnswerer,
        watch: Watch,
        threads: Executor,
        *,
        most_line_bytes: int,
        has_error_file: bool,
        patience_s: float = MODEL_PATIENCE_S,
    ) -> None:
        self._path = lines
        self._journal = journal
        self._answerer = answerer
        self._watch = watch
        self._threads = threads
        self._most_line_bytes = most_line_bytes
        self._has_error_file = has_error_file
        self._patience_s = patience_s
        self._groups: deque[_Group] = deque()
        self._ahead: deque[InputLine] = deque()
        self._window = self._together = 1.0
        self._not_ready_since: float | None = None
        self._told = ""
        self._changed = asyncio.Event()
        self._done: list[LineResult] = []
        self._done_up_to = 0

    async def run(self) -> End:
        """Return when all lines are done, or the watch says that it is to end. Raises JobFailed."""
        lines = LineReader(self._path, self._most_line_bytes, self._journal.counted.lines)
        with closing(self._journal), lines as reader:
            await self._watch.store(self._journal.open)
            await self._on_thread(reader.pass_by)
            try:
                end = await self._work(reader)
            finally:
                await self._drop()
                await self._commit()
            await self._watch.store(self._journal.finish)
            return end

    async def _work(self, reader: LineReader) -> End:
        looked_at = committed_at = monotonic()
        while True:
            await self._begin(reader)
            if not self._groups:
                return "completed"
            self._changed.clear()
            if not self._groups[0].task.done():
                await self._until_changed(looked_at + LOOK_S - monotonic())
            self._gather()
            now = monotonic()
            size = sum(len(one.content) for one in self._done)
            if self._done and (now > committed_at + COMMIT_S or size > COMMIT_BYTES):
                await self._commit()
                committed_at = monotonic()
            if now > looked_at + LOOK_S:
                if (end := await self._on_thread(self._watch.end)) is not None:
                    return end
                looked_at = monotonic()

    async def _begin(self, reader: LineReader) -> None:
        """Ask as many lines as the window has room for."""
        while (
            sum(not one.task.done() for one in self._groups) < self._window
            and sum(one.held_bytes for one in self._groups) < MOST_HELD_BYTES
            and len(self._groups) < MOST_GROUPS
        ):
            together = int(min(self._together, self._answerer.most_together))
            if len(self._ahead) < together and not reader.is_at_end:
                self._ahead += await self._on_thread(lambda: reader.take(AHEAD_LINES, AHEAD_BYTES))
                continue
            lines = [self._ahead.popleft() for _ in range(min(together, len(self._ahead)))]
            if not lines:
                return
            task = asyncio.create_task(self._answered(lines))
            task.add_done_callback(lambda _: self._changed.set())
            self._groups.append(_Group(lines, sum(len(one.content or b"") for one in lines), task))

    async def _until_changed(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _gather(self) -> None:
        """Take the results that have no line before them without one. Raises what kept the first from having any."""
        while self._groups and self._groups[0].task.done():
            self._done += self._groups[0].task.result()
            self._done_up_to = self._groups.popleft().lines[-1].number

    async def _drop(self) -> None:
        """End what is asked, and keep what is done."""
        for group in self._groups:
            group.task.cancel()
        await asyncio.gather(*(one.task for one in self._groups), return_exceptions=True)
        whole = (one.task.cancelled() or one.task.exception() is not None for one in self._groups)
        done = next((number for number, is_cut in enumerate(whole) if is_cut), len(self._groups))
        self._groups = deque(islice(self._groups, done))
        self._gather()

    async def _commit(self) -> None:
        """Put what is done on the disk: to its end, even if this is cancelled, or it would be put there twice."""
        putting = asyncio.ensure_future(self._put())
        try:
            await asyncio.shield(putting)
        except asyncio.CancelledError:
            await putting
            raise

    async def _put(self) -> None:
        if not self._done:
            return
        failed = sum(one.has_failed for one in self._done)
        completed = len(self._done) - failed
        errors = b"".join(one.content for one in self._done if one.has_failed) if self._has_error_file else b""
        output = b"".join(one.content for one in self._done if not (one.has_failed and self._has_error_file))
        up_to = self._done_up_to
        await self._watch.store(lambda: self._journal.commit(output, errors, up_to, completed, failed))
        self._done.clear()
        self._watch.counts(completed, failed)

    async def _answered(self, lines: Sequence[InputLine]) -> list[LineResult]:
        """Return the results of lines, however often they must be asked. Raises JobFailed."""
        rest_s, tries = FIRST_REST_S, 0
        while True:
            try:
                self._watch.require_allowed()
                began = monotonic()
                results = await self._answerer.answer(lines)
                self._goes_on(monotonic() - began)
                return results
            except Overloaded as error:
                # Others have more to ask than there is time for: as few as may be wait beside them.
                self._window, self._together = max(1.0, self._window / 2), max(1.0, self._together / 2)
                asked_s = error.retry_after_s
                if asked_s > LONGEST_REST_S:  # a quota, say
                    self._tell(str(error))
            except DeadlineExceeded as error:
                tries += 1
                if tries == MOST_TRIES:
                    return await self._too_late(lines, error)
                asked_s = 0.0
            except ModelNotReady as error:
                self._require_patience(error)
                asked_s = 0.0
            rest_s = min(2 * rest_s, LONGEST_REST_S)
            await asyncio.sleep(min(max(rest_s, asked_s), LONGEST_REST_S))

    async def _too_late(self, lines: Sequence[InputLine], error: DeadlineExceeded) -> list[LineResult]:
        if len(lines) == 1:
            return [self._answerer.refused(lines[0], error)]
        return [result for line in lines for result in await self._answered([line])]

    def _goes_on(self, seconds: float) -> None:
        """Learn from a question that was answered in so many seconds."""
        most = self._answerer.most_together
        most_questions = MOST_GROUPED if most > 1 else MOST_ALONE if seconds > SLOW_S else FEW_ALONE
        self._window = min(self._window + 1 / self._window, most_questions)
        if seconds < QUICK_S:
            self._together = min(2 * self._together, most)
        elif seconds > SLOW_S:
            self._together = max(self._together / 2, 1.0)
        self._not_ready_since = None
        self._tell("")

    def _tell(self, reason: str) -> None:
        """Tell why it waits, once."""
        if reason != self._told:
            self._told = reason
            self._watch.waits(reason)

    def _require_patience(self, error: ModelNotReady) -> None:
        now = monotonic()
        if self._not_ready_since is None:
            self._not_ready_since = now
            self._tell(str(error))
        if now > self._not_ready_since + self._patience_s:
            raise JobFailed(f"waited {self._patience_s:.0f} s for the model: {error}") from error

    async def _on_thread(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)
