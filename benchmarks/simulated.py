"""The effect of queueing alone: a server that costs the graph's measured time and, perhaps, a little a request.

    python -m benchmarks.simulated text-fp32 [--rate 56] [--overhead-ms 0.6]

The curve is that of the plan which a round of the benchmark left for one core; the texts are the benchmark's. Prints,
as JSON, the p99 of random arrivals by who goes first, and the rows a second with 64 connections that wait for their
answers, beside those of all texts sorted by length.
"""

import argparse
import asyncio
import heapq
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice
from typing import cast

from app.serving.curve import LatencyCurve
from app.serving.plan import Plan
from app.serving.queue import RowQueue, Waiting
from app.serving.shares import Share
from benchmarks import load
from benchmarks.graphs import GRAPHS, Graph, texts
from benchmarks.peers.graph import TextGraph

NUM_ARRIVALS, NUM_CONNECTIONS = 30_000, 64
MAX_BATCH_SIZE = 32

Arrival = tuple[float, int]
"""When a text is due, in seconds, and its tokens."""


class Server:
    """Works on one thing at a time. `overhead_s` is what each request costs besides its share of a batch."""

    def __init__(self, curve: LatencyCurve, overhead_s: float = 0.0) -> None:
        self._curve = curve
        self._overhead_s = overhead_s

    def seconds(self, lengths: Sequence[int]) -> float:
        return self._curve.seconds(len(lengths), max(lengths)) + self._overhead_s * len(lengths)

    def in_order(self, arrivals: Sequence[Arrival]) -> list[float]:
        """Latencies where each is answered alone, in the order in which they came."""
        now, latencies = 0.0, []
        for due, length in arrivals:
            now = max(now, due) + self.seconds([length])
            latencies.append(now - due)
        return latencies

    def shortest_first(self, arrivals: Sequence[Arrival]) -> list[float]:
        """Latencies where each is answered alone, the shortest of those that wait first."""
        now, latencies, coming = 0.0, [], iter(arrivals)
        waiting: list[tuple[int, float]] = []
        following = next(coming, None)
        while following or waiting:
            while following and (following[0] <= now or not waiting):
                now = max(now, following[0])
                heapq.heappush(waiting, (following[1], following[0]))
                following = next(coming, None)
            length, due = heapq.heappop(waiting)
            now += self.seconds([length])
            latencies.append(now - due)
        return latencies

    def batched(self, arrivals: Sequence[Arrival]) -> list[float]:
        """Latencies with the service's own queue."""
        now, latencies, coming = 0.0, [], iter(arrivals)
        queue: RowQueue[None, None] = RowQueue(self._curve)
        caller = queue.shares.of("all")
        following = next(coming, None)
        while following or len(queue):
            while following and (following[0] <= now or not len(queue)):
                now = max(now, following[0])
                queue.push(_row(*following, caller))
                following = next(coming, None)
            batch = queue.take(MAX_BATCH_SIZE, {})
            now += self.seconds([one.length for one in batch])
            latencies += [now - one.submitted for one in batch]
        return latencies

    def closed_loop(self, lengths: Sequence[int], connections: int) -> float:
        """Rows a second with the service's own queue, where each answer brings the next question."""
        coming = cycle(lengths)
        queue: RowQueue[None, None] = RowQueue(self._curve)
        caller = queue.shares.of("all")
        for length in islice(coming, connections):
            queue.push(_row(0.0, length, caller))
        now, answered = 0.0, 0
        while answered < NUM_ARRIVALS:
            batch = queue.take(MAX_BATCH_SIZE, {})
            now += self.seconds([one.length for one in batch])
            answered += len(batch)
            for length in islice(coming, len(batch)):
                queue.push(_row(now, length, caller))
        return answered / now

    def sorted_by_length(self, lengths: Sequence[int]) -> float:
        """Rows a second of all texts, sorted and cut into batches of the best size."""
        ordered, sizes = sorted(lengths), (1, 2, 4, 8, 16, 32)
        return max(len(ordered) / sum(map(self.seconds, _cut(ordered, size))) for size in sizes)


def _cut(lengths: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (lengths[start : start + size] for start in range(0, len(lengths), size))


def _row(due: float, length: int, caller: Share) -> Waiting[None, None]:
    never = float("inf")
    return Waiting(None, length, None, due, due, never, _NOBODY, share=caller)


_NOBODY = cast("asyncio.Future[None]", None)  # the queue does not look at it


def simulated(server: Server, lengths: Sequence[int], rate: float) -> dict[str, float]:
    due = load.arrivals(rate, NUM_ARRIVALS / rate, seed=0)
    arrivals = list(zip(due, cycle(lengths), strict=False))
    orders: dict[str, Callable[[Sequence[Arrival]], list[float]]] = {
        "in order": server.in_order,
        "shortest first": server.shortest_first,
        "batched": server.batched,
    }
    return {
        **{f"p99_ms, {name}": round(load.quantile(order(arrivals), 0.99) or 0.0, 1) for name, order in orders.items()},
        f"rows a second, {NUM_CONNECTIONS} connections": round(server.closed_loop(lengths, NUM_CONNECTIONS), 1),
        "rows a second, sorted by length": round(server.sorted_by_length(lengths), 1),
    }


def stored_curve(graph: Graph) -> LatencyCurve:
    """Of the plan for one core. Exits if there is none."""
    for file in (graph.version.parent / "tuning").glob(f"{graph.version.name}-*.json"):
        plan = Plan.model_validate_json(file.read_bytes())
        if plan.hardware["cores"] == "1":
            return plan.curve
    raise SystemExit(f"error: {graph.model} has no plan for one core; `python -m benchmarks --only mixed` makes it")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    by_name = {graph.model: graph for graph in GRAPHS if graph.kind == "text"}
    parser.add_argument("model", choices=by_name)
    parser.add_argument("--rate", type=float, default=56.0, help="requests a second that arrive at random")
    parser.add_argument("--overhead-ms", type=float, default=0.0, help="of a request, besides the graph")
    chosen = parser.parse_args()
    graph = by_name[chosen.model]
    reader = TextGraph(str(graph.file), str(graph.tokenizer), graph.max_tokens)
    lengths = [len(reader.prepare(text)) for text in texts()]
    server = Server(stored_curve(graph), chosen.overhead_ms / 1000)
    print(json.dumps(simulated(server, lengths, chosen.rate), indent=1))


if __name__ == "__main__":
    main()
