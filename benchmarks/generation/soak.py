"""Does the memory of our service grow while it writes many short answers, of which some callers want no more?"""

from collections.abc import Callable
from typing import Any

import uvloop

from benchmarks.alone import SAMPLES, growth
from benchmarks.generation import loads
from benchmarks.generation.asks import Asks
from benchmarks.generation.figures import summarize
from benchmarks.generation.running import Running
from benchmarks.generation.scenarios import CLIENTS, HANG_UPS
from benchmarks.generation.weights import Say
from benchmarks.processes import rss_bytes

PROMPT, ANSWER = (8, 48), (2, 8)  # tokens
DIFFERENT = 997  # asks, which are sent in turn


def measure_soak(running: Running, asks: Asks, number: int, say: Say) -> dict[str, Any]:
    """Memory against the number of requests: its mean over the last tenth beside that over the second, less one."""
    drawn = [asks.between(PROMPT, ANSWER) for _ in range(min(number, DIFFERENT))]
    leaves = asks.shares(HANG_UPS, len(drawn))
    sent = [drawn[i % len(drawn)] for i in range(number)]
    samples: list[tuple[int, float]] = []
    every, said = max(1, number // SAMPLES), max(1, number // 20)

    def note(i: int) -> None:
        if i % every == 0:
            samples.append((i, rss_bytes(running.process.pid) / 1e6))
        if i % said == 0:
            say(f"soak: {i:,} requests, {samples[-1][1] if samples else 0:.0f} MB")

    leave: Callable[[int], int | None] = lambda i: 1 if leaves[i % len(drawn)] else None  # noqa: E731
    told, seconds = uvloop.run(loads.closed(running.client, sent, CLIENTS, leave, note))
    samples.append((number, rss_bytes(running.process.pid) / 1e6))
    return {"samples": sorted(samples), "growth": growth(sorted(samples)), **summarize(told, seconds)}
