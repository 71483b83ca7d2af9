"""A grammar is tried out in a process apart before it is compiled in this one.

Native code compiles it, which nothing can stop: a pattern of 90 kB may take it minutes, and a schema whose references
lead through a thousand others may overflow the stack, and end the process.
"""

import signal
import subprocess
import sys
from contextlib import suppress
from functools import lru_cache
from time import monotonic
from typing import IO, cast

from app.abandoned import require_wanted
from app.errors import InvalidInput, ModelNotReady, Overloaded
from app.generation import compiling
from app.seconds_of_thread import add_used_s

PATIENCE_S = 30.0  # until the verdict: far more than it may use of a core, which others use, too
LOOK_S = 0.1  # whether somebody still waits for it
MOST_SAID = 500  # bytes of why there was no verdict, for the log
MOST_VERDICTS = 128  # that are remembered, of grammars of up to 100 kB
# The system ends the process by one of these beyond a bound of time, stack or memory. Whatever else ends it is no fault
# of the grammar.
BEYOND = frozenset(-one for one in (signal.SIGPROF, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT))


def require_compiles(grammar: str) -> None:
    """Raises InvalidInput for a grammar that takes too much of time, memory or stack; others may have faults, too.

    Raises Overloaded where the verdict takes too long or memory runs out, ModelNotReady where there can be none, and
    Abandoned where nobody waits for it.
    """
    if not _is_within_bounds(grammar):
        raise InvalidInput("cannot be used: it is too complex")


@lru_cache(MOST_VERDICTS)
def _is_within_bounds(grammar: str) -> bool:
    status, said = _tried(grammar)
    if status == 0 or status in BEYOND:
        return status == 0
    if status == -signal.SIGKILL:
        raise Overloaded("there was no memory to try out the grammar", PATIENCE_S)
    raise ModelNotReady("grammars cannot be tried out") from RuntimeError(f"status {status}: {said!r}")


def _tried(grammar: str) -> tuple[int, bytes]:
    """Return the exit status, and what was written to standard error."""
    began = monotonic()
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", compiling.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a signal to all of the service's group is not for this one
        )
    except OSError as error:
        raise ModelNotReady("grammars cannot be tried out") from error
    given, said = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stderr)
    with process:
        try:
            with suppress(BrokenPipeError), given:  # who ended without reading it has a status
                given.write(grammar.encode())
            return _awaited(process, began + PATIENCE_S), said.read(MOST_SAID)
        finally:
            process.kill()
            add_used_s(min(monotonic() - began, compiling.MOST_CPU_S))  # beyond that it has waited for a core


def _awaited(process: "subprocess.Popen[bytes]", until: float) -> int:
    while True:
        try:
            return process.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            require_wanted()
            if monotonic() > until:
                raise Overloaded("there was no time to try out the grammar", PATIENCE_S) from None
