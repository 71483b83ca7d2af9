"""A grammar is tried out in a process apart before it is compiled in this one.

Native code compiles it, which nothing can stop: a pattern of 90 kB may take it minutes, and a schema whose references
lead through a thousand others may overflow the stack, and end the process.
"""

import signal
import subprocess
import sys
from functools import lru_cache
from time import monotonic

from app.abandoned import require_wanted
from app.errors import InvalidInput, ModelNotReady, Overloaded
from app.generation import compiling
from app.seconds_of_thread import add_used_s

PATIENCE_S = 30.0  # until the verdict: far more than it may use of a core, which others use, too
LOOK_S = 0.1  # whether somebody still waits for it
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
    raise ModelNotReady("grammars cannot be tried out") from RuntimeError(f"status {status}: {said[-500:]!r}")


def _tried(grammar: str) -> tuple[int, bytes]:
    """Return the exit status, and what was written to standard error."""
    began, given = monotonic(), grammar.encode() or None
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
    with process:
        try:
            while True:
                try:
                    _, said = process.communicate(given, timeout=LOOK_S)
                    return process.returncode, said
                except subprocess.TimeoutExpired:
                    given = None  # it has been given
                    require_wanted()
                    if monotonic() - began > PATIENCE_S:
                        raise Overloaded("there was no time to try out the grammar", PATIENCE_S) from None
        finally:
            process.kill()
            add_used_s(min(monotonic() - began, compiling.MOST_CPU_S))  # beyond that it has waited for a core
