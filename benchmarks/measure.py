"""One round: every server once, on every chosen scenario."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import groupby
from typing import Any

from benchmarks import load
from benchmarks.graphs import Graph
from benchmarks.running import Running, ServerFailed, ask, layout_of, running, tune
from benchmarks.scenarios import MIXED_64, Closed, Layout, Open, Scenario
from benchmarks.servers import OURS, Server
from benchmarks.wrk import closed_loop

WARM_S = 3
SETTLED_S, SETTLE_S = 0.3, 30.0
TIMEOUT_HEADER = "X-Request-Timeout-Ms: {ms}\r\n"

Cases = dict[str, dict[str, Any]]
"""Figures by case."""

Say = Callable[[str], None]


@dataclass
class Round:
    """The figures of one round, by scenario, server and case."""

    number: int
    seconds: float
    say: Say
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    saturation: dict[str, float] = field(default_factory=dict)

    def measure(self, scenarios: Sequence[Scenario], servers: Sequence[Server]) -> None:
        for (graph, layout, deadline_ms), group in groups(scenarios):
            with layout_of(layout) as cores:
                tune(graph, cores, self.say)
                self._measure_raw(graph, group, cores)
                for server in self._chosen(servers, group):
                    self._measure_server(server, graph, group, cores, deadline_ms)

    def _chosen(self, servers: Sequence[Server], group: Sequence[Scenario]) -> Sequence[Server]:
        """Of each family the variant that answered most in the scenario that these need, if it was measured before."""
        needed = self.found.get(group[0].needs or "")
        if needed is None:
            return servers
        best: dict[str, Server] = {}
        for server in servers:
            other = best.get(server.family, server)
            best[server.family] = max(other, server, key=lambda one: _most(needed.get(one.name, {})))
        return list(best.values())

    def _measure_raw(self, graph: Graph, group: Sequence[Scenario], cores: Sequence[int]) -> None:
        if not any(scenario.raw for scenario in group):
            return
        self.say(f"the graph alone, {graph.model}")
        command = ["taskset", "-c", ",".join(map(str, cores)), sys.executable, "-m", "benchmarks.raw", graph.model]
        quick = ["--quick"] if self.seconds < 8 else []
        loops = json.loads(subprocess.run([*command, *quick], check=True, stdout=subprocess.PIPE).stdout)
        for scenario in group:
            if scenario.raw:
                self._note(scenario, "raw", loops[scenario.raw])

    def _measure_server(
        self, server: Server, graph: Graph, group: Sequence[Scenario], cores: Sequence[int], deadline_ms: int | None
    ) -> None:
        try:
            with running(server, graph, cores, deadline_ms) as found:
                _warm(found, group)
                for scenario in group:
                    for case, figures in self._cases(found, scenario):
                        self.say(f"{scenario.name}, {case}: {server.name} {in_words(figures)}")
                        self._note(scenario, server.name, {case: figures})
        except (ServerFailed, RuntimeError) as error:
            self.say(f"{server.name}: {error}")
            for scenario in group:
                self._note(scenario, server.name, {"failed": str(error)})

    def _note(self, scenario: Scenario, server: str, cases: Cases | dict[str, Any]) -> None:
        self.found.setdefault(scenario.name, {}).setdefault(server, {}).update(cases)

    def _cases(self, found: Running, scenario: Scenario) -> Iterator[tuple[str, dict[str, Any]]]:
        for one in scenario.loads:
            request = found.request(one.load)
            if request is None:
                continue
            _settle(found)
            if isinstance(one, Closed):
                figures = closed_loop(found.url, request, one.connections, self.seconds)
                if one is MIXED_64 and scenario.name == "mixed":
                    self.saturation[found.server.name] = figures["throughput"]
                yield one.case, figures
            elif figures := self._open(found, one, scenario.deadline_ms):
                yield one.case, figures

    def _open(self, found: Running, one: Open, deadline_ms: int | None) -> dict[str, Any]:
        """Empty if there is no rate to take."""
        name = found.server.name
        if one.of == "its own":
            saturation = self.saturation.get(name, 0.0)
        elif found.server is not OURS:
            return {}
        else:
            saturation = max((rate for peer, rate in self.saturation.items() if peer != name), default=0.0)
        if saturation < 1:
            return {}
        request = found.request(one.load)
        assert request
        header = TIMEOUT_HEADER.format(ms=deadline_ms) if found.server is OURS and deadline_ms else ""
        rate, deadline_s = one.share * saturation, (deadline_ms or 1e6) / 1000
        # Twice as long as a closed loop: of what is asked at random the slowest hundredth needs many requests.
        figures = load.run(found.port, request.messages(header), rate, 2 * self.seconds, self.number, deadline_s)
        return {"saturation": saturation, "goodput_share": figures["goodput"] / saturation, **figures}


def _most(cases: Cases) -> float:
    """The highest throughput of a server in any case."""
    return max((case.get("throughput", 0.0) for case in cases.values() if isinstance(case, dict)), default=0.0)


def groups(scenarios: Iterable[Scenario]) -> Iterator[tuple[tuple[Graph, Layout, int | None], list[Scenario]]]:
    """Neighbours that one start of a server serves."""
    for start, alike in groupby(scenarios, lambda one: (one.graph, one.layout, one.deadline_ms)):
        yield start, list(alike)


def _warm(found: Running, group: Sequence[Scenario]) -> None:
    loads = dict.fromkeys(one.load for scenario in group for one in scenario.loads)
    requests = [request for load in loads if (request := found.request(load))]
    for request in requests:
        closed_loop(found.url, request, 4, max(1, WARM_S // len(requests)))


def _settle(found: Running) -> None:
    """Wait until nothing of the last load is left in the server's queue: its clients left, and some servers go on."""
    until = time.monotonic() + SETTLE_S
    while time.monotonic() < until:
        asked = time.monotonic()
        with suppress(OSError, HTTPException):
            status, _ = ask(found.port, found.probe())
            if status == 200 and time.monotonic() - asked < SETTLED_S:
                return
        time.sleep(0.1)


def in_words(figures: dict[str, Any]) -> str:
    if "throughput" in figures:
        errors = f", {figures['errors']} errors" if figures["errors"] else ""
        return f"{figures['throughput']:.1f}/s, p50 {figures['p50_ms']:.1f} ms, p99 {figures['p99_ms']:.1f} ms{errors}"
    p99 = "none" if figures["p99_ms"] is None else f"{figures['p99_ms']:.1f} ms"
    return (
        f"{figures['goodput']:.1f} of {figures['offered']:.1f}/s in time, p99 {p99}, "
        f"{figures['refused']} refused, {figures['late']} late, {figures['unanswered']} unanswered"
    )
