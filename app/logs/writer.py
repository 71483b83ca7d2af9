"""Write log lines from a thread of its own: whoever logs never waits for whoever reads."""

import logging
import os
import select
import sys
import threading
from collections import deque
from time import sleep
from typing import Any

from app.logs.lines import FORMS, AccessRecord, LineFormatter, LogFormat

STDERR = 2
MOST_LINES = 4096  # that wait to be written; more are dropped, and counted
TOGETHER = 256  # lines of one write
GATHER_S = (
    0.05  # in which lines of requests gather: a thread that wakes for each takes the processor from the event loop
)
LAST_WORDS_S = 2.0  # to write what still waits when the process ends
LOOK_AGAIN_S = 1.0  # whether somebody reads


class LogWriter(logging.Handler):
    """Takes log records, and lines about requests, without waiting or failing.

    `dropped` counts the lines that were never written, since whatever reads the descriptor was too slow or is gone.
    """

    def __init__(self, form: LineFormatter, descriptor: int = STDERR) -> None:
        super().__init__()
        self.dropped = 0
        self._form = form
        self._descriptor = descriptor
        self._waiting: deque[str | AccessRecord] = deque()
        self._has_lines = threading.Event()
        self._hurries = threading.Event()
        self._ends = False
        self._counting = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        self._put(self._form.format(record))
        self._hurries.set()

    def access(self, one: AccessRecord) -> None:
        """Tell of a request. It becomes a line on the thread, since this is called for each."""
        self._put(one)

    def close(self) -> None:
        """Write what waits, as far as that goes within LAST_WORDS_S."""
        self._ends = True
        self._has_lines.set()
        self._hurries.set()
        self._thread.join(LAST_WORDS_S)
        super().close()

    def _put(self, line: str | AccessRecord) -> None:
        if len(self._waiting) >= MOST_LINES:
            self._drop(1)
            return
        self._waiting.append(line)
        if not self._has_lines.is_set():
            self._has_lines.set()

    def _drop(self, lines: int) -> None:
        with self._counting:
            self.dropped += lines

    def _work(self) -> None:
        said = 0
        while self._waiting or not self._ends:
            self._has_lines.wait()
            self._hurries.wait(GATHER_S)
            self._hurries.clear()
            # Among many requests it stays set: to wake a thread takes each of them longer than all else about its line.
            if not self._waiting:
                self._has_lines.clear()
                if self._waiting:  # one came meanwhile, and found it set
                    self._has_lines.set()
            while lines := self._take():
                self._write("".join(lines).encode())
                if self.dropped > said:
                    said = self.dropped
                    self._write(self._form.format(_too_many(said)).encode())

    def _take(self) -> list[str]:
        taken = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
        return [line if isinstance(line, str) else self._form.access(line) for line in taken]

    def _write(self, content: bytes) -> None:
        # Not through sys.stderr: a thread that holds its lock when the process ends would make Python abort.
        while content:
            try:
                content = content[os.write(self._descriptor, content) :]
            except BlockingIOError:  # whoever shares the descriptor made it so
                select.select((), (self._descriptor,), (), LOOK_AGAIN_S)
            except OSError:  # nobody reads any more
                self._drop(content.count(b"\n"))
                sleep(GATHER_S)
                return


def start(form: LogFormat) -> LogWriter:
    """Send all that this process logs, warns of or fails with outside of a request to one writer on stderr."""
    # Of a process that was started without a stderr, its number may be that of any other file by now.
    descriptor = STDERR if sys.stderr else os.open(os.devnull, os.O_WRONLY)
    writer = LogWriter(FORMS[form](), descriptor)
    root = logging.getLogger()
    root.addHandler(writer)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # or a line that cannot be made is reported past the writer
    log = logging.getLogger(__name__)

    def in_thread(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None and failed.exc_type is not SystemExit:
            log.error("thread %s ended", failed.thread and failed.thread.name, exc_info=failed.exc_value)

    def unraisable(failed: Any) -> None:
        log.error("%s: %r", failed.err_msg or "an exception was ignored", failed.object, exc_info=failed.exc_value)

    threading.excepthook = in_thread
    sys.unraisablehook = unraisable
    return writer


def log_as(form: LogFormat, level: int = logging.INFO, *, alone: bool = False) -> None:
    """Write lines to stderr as they come, and nowhere else if they are to stand `alone`: for commands and workers."""
    shown = logging.StreamHandler()
    shown.setFormatter(FORMS[form]())
    shown.terminator = ""
    logging.basicConfig(level=level, handlers=[shown], force=alone)


def _too_many(dropped: int) -> logging.LogRecord:
    text = "%d log lines were dropped since the start: stderr is not read as fast as they come"
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, (dropped,), None)
