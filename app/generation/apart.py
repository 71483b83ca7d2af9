"""A grammar is tried out in a process apart before it is compiled in this one.

Native code compiles it, which nothing can stop: a pattern of 90 kB may take it minutes, and a schema whose references
lead through a thousand others may overflow the stack, and end the process.
"""

import subprocess
import sys

from app.errors import InvalidInput, ModelNotReady, Overloaded
from app.generation import compiling

PATIENCE_S = 30.0  # until the verdict: far more than it may use of a core, which others use, too


def require_compiles(grammar: str) -> None:
    """Raises InvalidInput for a grammar that takes too much of time, memory or stack; others may have faults, too.

    Raises Overloaded where the verdict takes too long, and ModelNotReady where there can be none.
    """
    try:
        tried = subprocess.run(
            [sys.executable, "-P", compiling.__file__], input=grammar.encode(), capture_output=True, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        raise Overloaded("there was no time to try out the grammar", PATIENCE_S) from None
    except OSError as error:
        raise ModelNotReady(f"grammars cannot be tried out: {error}") from error
    if tried.returncode:
        raise InvalidInput("cannot be used: it is too complex")
