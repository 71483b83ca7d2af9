"""From a grammar to what follows it, by llguidance; and a program that tries one out. Imports nothing of ours.

    python compiling.py < GRAMMAR

The exit status is 0 if it can be compiled within the bounds, or is refused for what it says.
"""

import sys
from typing import Any

MOST_STATES = 50_000
"""Of what reads a text by a grammar."""
LEXER_FUEL = 300_000
"""For the first step of a grammar, in llguidance's measure: some .7 s for the worst, where its own bound takes 4 s."""
MOST_CPU_S = 1.0
"""Of a grammar that is tried."""
MOST_BYTES = 2**31
STACK_BYTES = 2**21
"""While one is tried: a quarter of what a thread of the service has, where other calls lie below."""


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

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    grammar = sys.stdin.buffer.read().decode()
    threading.stack_size(STACK_BYTES)
    thread = threading.Thread(target=lambda: compiled(llguidance, llguidance.LLTokenizer("byte"), grammar).deep_copy())
    signal.setitimer(signal.ITIMER_PROF, MOST_CPU_S)
    thread.start()
    thread.join()


if __name__ == "__main__":
    _try()
