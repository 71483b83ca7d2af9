"""An imported classifier of texts beside transformers' pipeline behind FastAPI, LitServe and infinity.

    python -m benchmarks.imported [--rounds 3] [--seconds 15] [--peers pipeline,infinity] [--only mixed,short]
        [--layout "one core"] [--results benchmarks/results]

All have the same weights (MiniLM-L6 with a head drawn by chance) in fp32 and are asked the same real texts over 64
connections; ours in 8 bits, too. In each round every server is started once, alone; its answers are compared with those
of transformers; it is warmed, loaded and stopped. Peers get an environment of their own under build/bench. Writes
imported.json and imported.md.
"""

import argparse
import asyncio
import itertools
import json
import random
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from benchmarks.__main__ import say
from benchmarks.generation.weights import NotAvailable, Say
from benchmarks.imported.client import Asked, closed, message
from benchmarks.imported.figures import Took, table, took
from benchmarks.imported.running import running
from benchmarks.imported.servers import BY_NAME, OURS, SERVERS, Server
from benchmarks.imported.texts import Scores, known, prepare, tune
from benchmarks.running import ServerFailed, layout_of
from benchmarks.scenarios import Layout

CONNECTIONS = 64
WARM_S = 3.0
LOADS = {"mixed": range(10_000), "short": range(25), "long": range(80, 10_000)}
"""By load, how many words its texts have."""

Rounds = dict[str, dict[str, list[Took]]]
"""By load and server."""


def is_right(server: Server, asked: Asked, expected: Scores) -> bool:
    scores = server.scores(asked.body) if asked.status == 200 else None
    return (
        scores is not None
        and scores.keys() == expected.keys()
        and all(abs(score - expected[label]) <= server.tolerance for label, score in scores.items())
    )


def measure(server: Server, port: int, load: str, number: int, seconds: float) -> Took:
    texts = [one for one in known() if len(one[0].split()) in LOADS[load]]
    messages = [message(server.path, server.body(text)) for text, _ in texts]
    order = list(range(len(texts)))
    random.Random(number).shuffle(order)  # the same for each server of a round
    asked = asyncio.run(closed(port, messages, itertools.cycle(order), CONNECTIONS, seconds))
    right = [is_right(server, one, texts[one.text][1]) for one in asked]
    return took(right, [one.at for one in asked], [one.latency_s for one in asked], seconds)


def measure_round(
    servers: Sequence[Server], loads: Sequence[str], number: int, seconds: float, cores: Sequence[int], tell: Say
) -> Rounds:
    found: Rounds = {load: {} for load in loads}
    for server in servers:
        try:
            with running(server, cores, say) as port:
                measure(server, port, loads[0], 0, WARM_S)
                for load in loads:
                    one = measure(server, port, load, number, seconds)
                    tell(f"{load}, {server.name}: {one.texts_s:.1f} texts/s, {one.wrong} wrong")
                    found[load][server.name] = [one]
        except (ServerFailed, NotAvailable) as error:
            tell(f"{server.name}: {error}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imported", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each load")
    parser.add_argument("--peers", default=",".join(one.name for one in SERVERS if one is not OURS))
    parser.add_argument("--only", default="mixed,short", help=f"of {', '.join(LOADS)}")
    parser.add_argument("--layout", choices=get_args(Layout), default="one core", help="of the servers")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results"))
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped on the way out
    loads, names = chosen.only.split(","), [name for name in chosen.peers.split(",") if name]
    if unknown := [one for one in (*loads, *names) if one not in LOADS and one not in BY_NAME]:
        parser.error(f"there are no {', '.join(unknown)}; there are {', '.join((*LOADS, *BY_NAME))}")
    servers = [*(BY_NAME[name] for name in names), OURS]
    prepare(say)
    rounds: Rounds = {load: {} for load in loads}
    with layout_of(chosen.layout) as cores:
        tune(cores, say)
        for number in range(1, chosen.rounds + 1):
            tell = partial(say, prefix=f"round {number}: ")
            for load, by_name in measure_round(servers, loads, number, chosen.seconds, cores, tell).items():
                for name, some in by_name.items():
                    rounds[load].setdefault(name, []).extend(some)
    write(chosen.results, rounds, chosen.layout, chosen.seconds)


def write(folder: Path, rounds: Rounds, layout: str, seconds: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        load: {name: [one._asdict() for one in each] for name, each in some.items()} for load, some in rounds.items()
    }
    stated = {server.name: server.settings for server in SERVERS}
    content = {"layout": layout, "seconds": seconds, "connections": CONNECTIONS, "servers": stated, "rounds": figures}
    (folder / "imported.json").write_text(json.dumps(content, indent=1) + "\n")
    tables = "\n\n".join(f"## {load}\n\n{table(some, OURS.name)}" for load, some in rounds.items())
    (folder / "imported.md").write_text(f"# An imported classifier, {layout}\n\n{tables}\n")
    print(f"\n{tables}")


if __name__ == "__main__":
    main()
