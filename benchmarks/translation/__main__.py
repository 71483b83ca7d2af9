"""Translation beside CTranslate2 and transformers, with the same weights, over HTTP, on the same cores.

    python -m benchmarks.translation [--rounds 3] [--cores 0,1] [--only list,closed,arriving,alone] [--servers …]
        [--student models]

The weights copy (benchmarks/translation/weights.py): an answer is right if it is its sentence. `--student` names the
repository with translator-en-pt, whose tokens the weights have, and which is measured as well. All servers run all the
time, and take turns in each round; who waits for requests computes nothing.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.__main__ import say
from benchmarks.generation.weights import NotAvailable
from benchmarks.running import ServerFailed
from benchmarks.translation.environments import STUDENT, prepare, sentences, tokens_of
from benchmarks.translation.figures import Took, ratios, spread, table
from benchmarks.translation.loads import AT_A_TIME, alone, arriving, closed, drawn, due_of, lists, measured
from benchmarks.translation.servers import CTRANSLATE2, OURS, TRANSFORMERS, Running, Server, running

SIZES = {"list": 2 * AT_A_TIME, "closed": 3 * AT_A_TIME, "alone": 8}  # sentences
SLOW = ("list", "alone")  # what transformers is asked, too
SHARE, ARRIVING_S = 0.7, 8.0  # of the best peer's capacity, in the lists of the same round and precision
BOUNDS = {"ctranslate2": 1.2, "transformers": 3.0}


def measure(one: Running, load: str, texts: Sequence[str], number: int, rate: float) -> Took:
    latencies: list[float] = []
    if load == "arriving":
        due = due_of(rate, ARRIVING_S, number)
        asked = drawn(texts, len(due), number)
        return measured(one, arriving(one, asked, due, latencies), asked, latencies)
    asked = drawn(texts, SIZES[load], number)
    make = {"list": lists, "closed": closed, "alone": alone}[load]
    return measured(one, make(one, asked, latencies), asked, latencies)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.translation", description=__doc__)
    parser.add_argument("--student", type=Path, default=Path("models"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", default="")
    parser.add_argument("--only", default="list,closed,arriving,alone")
    parser.add_argument("--servers", default="", help="words in their names, with commas between; all if empty")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped on the way out
    if chosen.cores:
        os.sched_setaffinity(0, set(map(int, chosen.cores.split(","))))
    [student, *_] = sorted((chosen.student / STUDENT).glob("*/")) or [None]
    if student is None:
        raise SystemExit(f"error: {chosen.student} has no {STUDENT}; `python -m training {STUDENT}` makes it")
    prepare(student, say)
    texts = sentences()
    servers = [*OURS, *CTRANSLATE2, *TRANSFORMERS, Server(STUDENT, "ours", "fp32", models=chosen.student)]
    servers = [one for one in servers if any(word in one.name for word in chosen.servers.split(","))]
    say(f"{len(texts)} sentences of {tokens_of(texts) / len(texts):.1f} tokens on average")
    found: dict[str, dict[str, list[Took]]] = {load: {} for load in chosen.only.split(",")}
    with ExitStack() as stack:
        every = list[Running]()
        for server in servers:
            try:
                every.append(stack.enter_context(running(server, texts[0], say)))
            except (ServerFailed, NotAvailable) as error:
                say(str(error))
        for number in range(chosen.rounds + 1):
            _round(every, texts, number, found, partial(say, prefix=f"round {number}: "))
    for load, rounds in found.items():
        print(f"\n{load}\n\n{table(rounds)}\n")
        _print_ratios(load, rounds)


def _round(
    every: Sequence[Running], texts: Sequence[str], number: int, found: dict[str, Any], tell: partial[None]
) -> None:
    """The first warms, with lists alone."""
    for load in found if number else ["list"]:
        for one in every:
            name = one.server.name
            if load not in SLOW and one.server.kind == "transformers":
                continue
            took = measure(one, load, texts, number, _rate(one.server, found, texts) if load == "arriving" else 0.0)
            tell(f"{load}, {name}: {took.tokens_s:.0f} tokens/s, {took.tokens_cpu_s:.0f} for a second of a core")
            if number:
                found[load].setdefault(name, []).append(took)


def _rate(server: Server, found: dict[str, dict[str, list[Took]]], texts: Sequence[str]) -> float:
    """Sentences a second: SHARE of what the best peer of this precision did last, with lists."""
    peers = [rounds[-1].tokens_s for name, rounds in found["list"].items() if f"ctranslate2-{server.precision}" in name]
    return SHARE * max(peers) / (tokens_of(texts) / len(texts))


def _print_ratios(load: str, rounds: dict[str, list[Took]]) -> None:
    for ours in (server for server in OURS if server.name in rounds):
        for kind, bound in BOUNDS.items():
            others = [name for name in rounds if name.startswith(kind)]
            if kind == "ctranslate2":
                others = [name for name in others if f"-{ours.precision}-" in name]
            if others:
                each = [ratios(rounds, ours.name, others, figure) for figure in ("tokens_s", "tokens_cpu_s")]
                wall, cpu = (spread(one, 2) for one in each)
                print(
                    f"{load}, {ours.name} beside the best {kind}: {wall} by the clock, {cpu} by cores; asked: {bound}"
                )


if __name__ == "__main__":
    main()
