"""From a grammar to what follows it, by llguidance; and a program that tries one out. Imports nothing of ours.

    python compiling.py < GRAMMAR

The exit status is 0 if it can be compiled within the bounds, or is refused for what it says. Beyond a bound a signal
ends the program.
"""

import os
import sys
from contextlib import suppress
from typing import Any

MOST_STATES = 50_000
"""Of what reads a text by a grammar."""
LEXER_FUEL = 300_000
"""For the first step of a grammar, in llguidance's measure: some .7 s for the worst, where its own bound takes 4 s."""
MOST_CPU_S = 2.0
"""Of a grammar that is tried: where LEXER_FUEL was measured the worst takes a third of it."""
MOST_BYTES = 2**31
STACK_BYTES = 2**21
"""While one is tried: a quarter of what a thread has that prepares inputs, where other calls lie below."""


def compiled(library: Any, tokenizer: Any, grammar: str) -> Any:
    """Return llguidance's matcher of a grammar; what is wrong with it shows as the matcher's error."""
    limits = library.LLParserLimits(max_lexer_states=MOST_STATES, initial_lexer_fuel=LEXER_FUEL, verbose_errors=False)
    matcher = library.LLMatcher(tokenizer, grammar, limits=limits, log_level=0)
    if not matcher.is_error():
        matcher.compute_bitmask()  # the first one shows what is too complex, and is kept for all copies
    return matcher


def _try() -> None:
    """Compile a grammar whose tokens are the 256 bytes. Beyond a bound the system ends this process."""
    import resource
    import signal
    import threading

    import llguidance

    def attempt() -> None:
        try:
            compiled(llguidance, llguidance.LLTokenizer("byte"), grammar).deep_copy()
        except MemoryError:
            os.abort()

    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # where memory runs out this process ends, and not the service
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = MOST_BYTES if hard == resource.RLIM_INFINITY else min(MOST_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    grammar = sys.stdin.buffer.read().decode()
    threading.stack_size(STACK_BYTES)
    thread = threading.Thread(target=attempt)
    signal.setitimer(signal.ITIMER_PROF, MOST_CPU_S)
    thread.start()
    thread.join()


if __name__ == "__main__":
    _try()
