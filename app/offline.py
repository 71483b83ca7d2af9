"""`python -m app batch IN OUT`: a batch job without a server, in this process."""

import asyncio
import fcntl
import os
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from app.api.app import inside
from app.api.batches.inside import InsideRequests
from app.api.http.limits import Limits
from app.api.media.json_text import parse
from app.full_disk import no_room
from app.jobs.asking import LineAnswerer
from app.jobs.items import ItemAnswers
from app.jobs.journal import Journal
from app.jobs.prepared import prepare
from app.jobs.preparing import FileOrder
from app.jobs.records import FORMATS, End, Format, JobFailed, NoRoom, Record
from app.jobs.runner import Runner
from app.jobs.tables import write_table
from app.serving.engine import Engine
from app.serving.local import LocalEngine
from app.telemetry import Telemetry
from app.whole_file import OWN, write_whole

DONE, FAILED, SOME_FAILED = 0, 1, 3  # as which the process exits
SHOWN_S = 0.5  # between two words on how far it is
MODEL_PATIENCE_S = 10.0  # it is loaded before the first line


class Batch(NamedTuple):
    """A job as it was asked for. Without a model each line is a whole request."""

    source: Path
    target: Path
    model: str | None
    parameters: dict[str, Any]
    resume: bool


class AskedBefore(Record):
    """The job that a folder of unfinished work is of."""

    source: str
    size: int
    modified_ns: int
    model: str | None
    parameters: dict[str, Any]
    total: int = 0


def run_batch(batch: Batch, engine: LocalEngine, telemetry: Telemetry, limits: Limits) -> int:
    """Work through a file and tell on stderr how it ended; return the status of the process.

    Raises ServiceError, ValueError and OSError for what keeps it from beginning.
    """
    return asyncio.run(Offline(batch, engine, telemetry, limits).run())


class Offline:
    """One job of this process. What is not finished lies in a folder beside the results."""

    def __init__(self, batch: Batch, engine: LocalEngine, telemetry: Telemetry, limits: Limits) -> None:
        self._batch = batch
        self._engine: Engine = engine
        self._telemetry = telemetry
        self._limits = limits
        self._format, self._written_as = _format_of(batch.source), _format_of(batch.target)
        if batch.model is None and (self._format, self._written_as) != ("jsonl", "jsonl"):
            raise ValueError("without --model each line is a whole request, of JSON, and so is each result")
        self._place = batch.target.parent / f".{batch.target.name}.batch"
        self._completed = self._failed = self._total = 0
        self._began, self._shown_at, self._before = monotonic(), 0.0, 0
        self._threads = ThreadPoolExecutor(2, "batch")

    async def run(self) -> int:
        self._place.mkdir(exist_ok=True)
        lock = os.open(self._place / "lock", os.O_RDWR | os.O_CREAT, OWN)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = await self._run()
        except BlockingIOError:
            raise ValueError(f"another process is writing {self._batch.target}") from None
        except JobFailed as error:
            self._show_end()
            for fault in error.faults:
                where = "" if fault.line is None else f"line {fault.line}: "
                print(f"error: {where}{fault.param + ' ' if fault.param else ''}{fault.message}", file=sys.stderr)
            return FAILED
        except asyncio.CancelledError:
            self._show_end()
            print("stopped; --resume goes on from here", file=sys.stderr)
            raise
        finally:
            os.close(lock)
            if not (self._place / "job.json").exists():  # nothing was begun
                shutil.rmtree(self._place)
        shutil.rmtree(self._place)
        return status

    async def _run(self) -> int:
        source = self._batch.source.stat()
        asked = AskedBefore(
            source=str(self._batch.source.resolve()),
            size=source.st_size,
            modified_ns=source.st_mtime_ns,
            model=self._batch.model,
            parameters=self._batch.parameters,
        )
        self._total = self._begin(asked)
        try:
            await self._engine.load(self._batch.model)
            answerer = self._answerer()
            if not self._total:
                self._total = await self._prepared(answerer)
                counted = asked.model_copy(update={"total": self._total})
                write_whole(self._place / "job.json", counted.model_dump_json(), OWN)
            return await self._worked(answerer)
        finally:
            await self._engine.stop()

    def _begin(self, asked: AskedBefore) -> int:
        """Return the number of lines, if an earlier run of the same job has counted them."""
        known = self._place / "job.json"
        if not known.exists():
            return 0
        before = AskedBefore.model_validate_json(known.read_bytes())
        if not self._batch.resume:
            raise ValueError(f"an earlier run was stopped: go on with --resume, or delete {self._place}")
        if before.model_copy(update={"total": 0}) != asked:
            raise ValueError(f"{self._place} is of another file, model or parameters; delete it to begin anew")
        return before.total

    def _answerer(self) -> LineAnswerer:
        limits = self._limits
        if self._batch.model is None:
            requests: InsideRequests = inside(self._engine, self._telemetry, limits)
            return requests.answers("")
        answers = ItemAnswers(
            self._engine,
            self._batch.model,
            self._batch.parameters,
            caller="batch",
            parse=partial(parse, limits=limits.json),
            threads=self._threads,
            format=self._format,
        )
        answers.check()
        return answers

    async def _prepared(self, answerer: LineAnswerer) -> int:
        order = FileOrder(
            form="items" if self._batch.model else "requests",
            format=self._format,
            path=str(self._batch.source),
            lines=str(self._place / "lines"),
            most_line_bytes=self._limits.max_body_bytes,
            most_bytes=shutil.disk_usage(self._place).free,
            urls=InsideRequests.patterns,
            **(answerer.columns() if isinstance(answerer, ItemAnswers) else {}),
        )
        verdict = await prepare(order)
        verdict.require_good()
        return verdict.total

    async def _worked(self, answerer: LineAnswerer) -> int:
        journal = Journal(self._place / "output", None, self._place / "journal")
        self._completed, self._failed = journal.counted.completed, journal.counted.failed
        self._began, self._before = monotonic(), self._completed + self._failed
        runner = Runner(
            self._batch.source if self._format == "jsonl" else self._place / "lines",
            journal,
            answerer,
            self,
            self._threads,
            most_line_bytes=self._limits.max_body_bytes,
            has_error_file=False,
            patience_s=MODEL_PATIENCE_S,
        )
        await runner.run()
        await self.store(self._publish)
        self._show_end()
        print(f"{self._completed} lines are in {self._batch.target}, and {self._failed} errors", file=sys.stderr)
        return SOME_FAILED if self._failed else DONE

    def _publish(self) -> None:
        """Put the results where they belong, at once and whole."""
        results = self._place / "output"
        if self._written_as != "jsonl":
            write_table(results, self._place / "table", self._written_as)
            results = self._place / "table"
        os.replace(results, self._batch.target)

    def _show_end(self) -> None:
        if sys.stderr.isatty():
            print(file=sys.stderr)

    # As the runner sees it.

    def end(self) -> End | None:
        return None

    def require_allowed(self) -> None:
        """Whoever starts it may ask everything."""

    def waits(self, reason: str) -> None:
        if reason:
            print(f"waiting: {reason}", file=sys.stderr)

    def counts(self, completed: int, failed: int) -> None:
        self._completed += completed
        self._failed += failed
        now, done = monotonic(), self._completed + self._failed
        if sys.stderr.isatty() and (now > self._shown_at + SHOWN_S or done == self._total):
            self._shown_at = now
            rate = (done - self._before) / max(now - self._began, 0.001)
            told = f"{done:,} of {self._total:,} lines, {self._failed:,} errors, {rate:,.0f} a second"
            print(f"\r{told:<70}", end="", file=sys.stderr, flush=True)

    async def store(self, function: Callable[[], None]) -> None:
        """Whoever waits for it can make room, and go on."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, function)
        except (NoRoom, OSError) as error:
            words = str(error) if isinstance(error, NoRoom) else no_room(error)
            if not words:
                raise
            raise JobFailed(f"{words}; make room, and go on with --resume") from error


def _format_of(path: Path) -> Format:
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"{path}: its name must end in one of {', '.join(FORMATS)}")
    return FORMATS[path.suffix.lower()]
