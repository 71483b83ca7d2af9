"""The tables on many cores in one machine, from what benchmarks/on_paper/costs.py measured on a few.

    python -m benchmarks.on_paper.many_cores

Lanes are one for each core and scale with them, but for `slower`: the loss that many cores have by sharing memory.
"""

import json
import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

from benchmarks.on_paper.layouts import Cost, Found, simulated
from benchmarks.on_paper.measured import RESULTS, service
from benchmarks.on_paper.tables import ms, number, table

OF = "avx2"  # the instruction set of the machine on which it was measured
CORES = (1, 2, 4, 8, 16, 32, 64)
KINDS = ("short texts", "mixed texts", "photos")
SIGMA = {"short texts": 0.05, "mixed texts": 0.5, "photos": 0.05}  # of batches: texts of one length, and of many
AT_REST_MS = {"short texts": (0.37, 2.0)}  # of the loop and of the graph
LOAD = 0.8  # of saturation, at which the 99th percentile is looked at
FRONTS = (1, 2, 4, 8, 16)
GAIN = 1.02  # times as many answers, for which another process is worth it
LOST, MOST = 0.3, 64  # of the speed of lanes, on so many cores
REQUESTS = 2500


class Layout(NamedTuple):
    """So many processes (those in front, if there are any), and what they do together; `cores` are of each."""

    processes: int
    rate: float
    limit: str
    cores: int
    fronts: int
    slower: float


def result() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / OF / "many_cores.json").read_text(encoding="utf-8"))
    return found


def parts_of(alone: dict[str, float], many: dict[str, float], name: str) -> tuple[float, float]:
    """Seconds for a request and for a batch, of rows that went alone and of rows that shared batches."""
    rows, first, shared = many["rows_a_batch"], alone[name] / 1000, many[name] / 1000
    if rows < 1.5:  # nothing tells them apart
        return shared, 0.0
    batch = min(first, max(0.0, (first - shared) / (1 - 1 / rows)))
    return max(0.0, shared - batch / rows), batch


def cost_of(measured: dict[str, Any], name: str) -> Cost:
    one, way = measured[name], cheapest(measured, name)
    alone, many = one["alone"], one["many"]
    request, batch = parts_of(alone, many, "loop_ms")
    engine_request, engine_batch = parts_of(one["engine alone"], one["engine many"], "loop_ms")
    lane_row, lane_batch = parts_of(one["engine alone"], one["engine many"], "lane_python_ms")
    pool = many["before_ms"] + many["after_ms"]
    return Cost(
        name,
        request,
        min(batch, request + batch),
        many["loop_system_ms"] / many["loop_ms"],
        pool_python=max(0.0, pool - many["decoding_ms"]) / 1000,
        pool=many["decoding_ms"] / 1000,
        log=many["log_ms"] / 1000,
        lane_row=lane_row,
        lane_batch=lane_batch,
        graph={int(rows): row_ms / 1000 for rows, row_ms in one["graph"].items()},
        sigma=SIGMA[name],
        engine_request=min(request, engine_request),
        engine_batch=min(batch, engine_batch) if batch else engine_batch,
        front=way["front_ms"] / 1000,
        compute=way["compute_ms"] / 1000,
    )


def scaled(cost: Cost, loop: float, graph: float) -> Cost:
    """The same on another machine: all Python takes `loop` times as long, graphs `graph` times."""
    python = ("request", "batch", "pool_python", "log", "lane_row", "lane_batch", "engine_request", "engine_batch")
    handing = ("front", "compute")
    return cost._replace(
        **{name: loop * getattr(cost, name) for name in (*python, *handing)},
        pool=graph * cost.pool,
        graph={rows: graph * seconds for rows, seconds in cost.graph.items()},
    )


def at_rest(measured: dict[str, Any], name: str) -> Cost:
    """The cost as benchmarks/README.md has it, of a machine with VNNI and nothing else to do."""
    loop_ms, graph_ms = AT_REST_MS[name]
    cost = cost_of(measured, name)
    return scaled(cost, loop_ms / measured[name]["many"]["loop_ms"], graph_ms / (1000 * cost.row_s(cost.best_rows)))


def cheapest(measured: dict[str, Any], name: str) -> dict[str, float]:
    """The way to hand over that costs the computing process least, under load."""
    ways = measured["handover"]["photo" if name == "photos" else "text"]
    best: dict[str, float] = min((way["many"] for way in ways.values()), key=lambda way: way["compute_ms"])
    return best


def slower(cores: int, lost: float) -> float:
    """Times that a graph takes as long where so many cores compute: none on one, and `lost` of the speed on MOST."""
    return 1 / (1 - lost * math.log2(cores) / math.log2(MOST))


class Curves:
    """The answers of each layout, for one kind of request."""

    def __init__(self, cost: Cost, requests: int = REQUESTS) -> None:
        self._cost, self._requests = cost, requests
        self._simulated = cache(self._found)

    def _found(self, cores: int, fronts: int, slower: float, rate: float | None) -> Found:
        return simulated(self._cost, cores, fronts=fronts, slower=slower, rate=rate, requests=self._requests)

    def one(self, cores: int, lost: float = 0.0) -> Layout:
        return self._layout(1, 1, cores, 0, slower(cores, lost))

    def with_fronts(self, cores: int, lost: float = 0.0) -> Layout:
        return _best(self._layout(fronts, 1, cores, fronts, slower(cores, lost)) for fronts in FRONTS)

    def whole(self, cores: int, lost: float = 0.0) -> Layout:
        """Processes with equal shares of the cores and of the requests."""
        numbers = (2**power for power in range(int(math.log2(cores)) + 1))
        return _best(self._layout(each, each, cores // each, 0, slower(cores, lost)) for each in numbers)

    def p99_s(self, layout: Layout) -> float:
        rate = LOAD * layout.rate / (1 if layout.fronts else layout.processes)
        return self._simulated(layout.cores, layout.fronts, layout.slower, rate).percentile(0.99)

    def _layout(self, said: int, times: int, cores: int, fronts: int, slower: float) -> Layout:
        full = self._simulated(cores, fronts, slower, None)
        return Layout(said, times * full.rate, full.limit, cores, fronts, slower)


def _best(layouts: Iterator[Layout]) -> Layout:
    """The fewest processes beyond which twice as many gain nothing."""
    best = next(layouts)
    for layout in layouts:
        if layout.rate < GAIN * best.rate:
            break
        best = layout
    return best


def rows_of(curves: Curves, front_mb: float) -> Iterator[list[str]]:
    whole_mb = service().memory_mb
    layouts: list[Callable[..., Layout]] = [curves.one, curves.with_fronts, curves.whole]
    for cores in CORES:
        found = [layout(cores) for layout in layouts]
        _, fronts, whole = found
        memory = whole_mb, whole_mb + fronts.processes * front_mb, whole.processes * whole_mb
        told = [f"{number(each.rate)} ({each.limit}), {ms(curves.p99_s(each))}" for each in found]
        yield [
            f"{cores}",
            told[0],
            f"{fronts.processes}: {told[1]}",
            f"{whole.processes}: {told[2]}",
            " / ".join(f"{each / 1000:.1f}" for each in memory),
            " / ".join(number(layout(cores, LOST).rate) for layout in layouts),
        ]


def curve(cost: Cost, front_mb: float) -> str:
    """Answers a second, what limits them, and the 99th percentile at LOAD of them, by cores and layout."""
    head = [
        "cores", "one process", "fronts, and one that computes", "whole processes", "GB of the three",
        f"answers/s of the three if lanes lose {LOST:.0%} on {MOST} cores",
    ]  # fmt: skip
    return table(head, rows_of(Curves(cost), front_mb))


def stages(measured: dict[str, Any]) -> str:
    """The cost of a request, in milliseconds of a core."""

    def row(name: str) -> list[str]:
        one, cost = measured[name], cost_of(measured, name)
        many, loop_ms = one["many"], one["many"]["loop_ms"]
        engine_ms = one["engine many"]["loop_ms"]
        pool = many["before_ms"] + many["after_ms"]
        graph_ms = 1000 * cost.row_s(cost.best_rows)
        figures = loop_ms, engine_ms, pool, many["lane_python_ms"], graph_ms, many["log_ms"]
        every = loop_ms + pool + many["lane_python_ms"] + graph_ms + many["log_ms"]
        fed, most = f"{every / loop_ms:.1f}", f"{1000 / loop_ms:,.0f}"
        return [name, f"{many['rows_a_batch']:.1f}", *(f"{figure:.3f}" for figure in figures), fed, most]

    head = [
        "", "rows a batch", "event loop", "of it the engine", "pool", "lane, Python", "lane, graph", "log",
        "cores that one loop feeds", "answers/s at most",
    ]  # fmt: skip
    return table(head, map(row, KINDS))


def handing_over(measured: dict[str, Any]) -> str:
    """Milliseconds of both processes for a row, alone and when many are read at once."""
    sides = [(load, side) for load in ("alone", "many") for side in ("front_ms", "compute_ms")]
    rows = [
        [f"{kind}, {way}", *(f"{found[load][side]:.3f}" for load, side in sides)]
        for kind, ways in measured["handover"].items()
        for way, found in ways.items()
    ]
    return table(["", "alone: front", "computing", "64 at a time: front", "computing"], rows)


def tables() -> dict[str, str]:
    measured = result()
    return {
        "stages": stages(measured),
        "handover": handing_over(measured),
        **{f"cores, {name}": curve(cost_of(measured, name), measured["front_mb"]) for name in KINDS},
        **{f"at rest, {name}": curve(at_rest(measured, name), measured["front_mb"]) for name in AT_REST_MS},
    }


if __name__ == "__main__":
    print("\n\n".join(f"{name}\n\n{content}" for name, content in tables().items()))
