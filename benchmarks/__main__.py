"""python -m benchmarks: measure our service beside its peers; see benchmarks/README.md."""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import alone, graphs, plots, report
from benchmarks.instructions import NAMES as INSTRUCTION_SETS
from benchmarks.instructions import instruction_set
from benchmarks.measure import Round
from benchmarks.running import ServerFailed
from benchmarks.scenarios import NAMES, SCENARIOS, with_needed
from benchmarks.servers import FAMILIES, PEERS_PYTHON, SERVERS
from benchmarks.wrk import require_wrk

RESULTS = Path(__file__).parent / "results"  # by instruction set
PEER_PACKAGES = ("bentoml", "fastapi", "litserve", "mosec", "onnxruntime", "ray", "uvicorn")


GENERATION = "generation"  # measured beside servers of its own, and only if it is asked for


def main() -> int:
    if sys.argv[1:3] == ["--only", GENERATION]:
        from benchmarks.generation.__main__ import main as measure_generation

        return measure_generation(sys.argv[3:])
    chosen = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped on the way out
    folder = RESULTS / chosen.instructions
    results = Results(folder / "results.json")
    if not chosen.report_only:
        require_wrk()
        say(f"on {report.machine_line(machine := this_machine())}")
        try:
            _measure(chosen, results, machine)
        except KeyboardInterrupt:
            say("interrupted; finished rounds are kept")
            return 130
    pictures = plots.draw(results.content, folder)
    (folder / "results.md").write_text(report.text(results.content, pictures), encoding="utf-8")
    say(f"written: {folder / 'results.md'}")
    return 0


def _measure(chosen: argparse.Namespace, results: "Results", machine: dict[str, Any]) -> None:
    say("graphs, texts and a photo")
    graphs.prepare(say)
    names = with_needed(chosen.only)
    scenarios = [scenario for scenario in SCENARIOS if scenario.name in names]
    servers = [server for server in SERVERS if server.family in chosen.peers or server.family == "ours"]
    done = results.num_rounds(names) if chosen.more else 0
    for number in range(done + 1, done + chosen.rounds + 1):
        one = Round(number, chosen.seconds, partial(say, prefix=f"round {number}: "))
        one.measure(scenarios, servers)
        if "startup" in names:
            one.found["startup"] = {"ours": _or_failed("start", alone.measure_startup)}
        results.add(one.found, number, {"seconds": chosen.seconds, "machine": machine})
    if "soak" in names:
        found = _or_failed("soak", lambda: alone.measure_soak(chosen.soak_requests, chosen.soak_rate, say))
        results.add({"soak": {"ours": found}}, 1, {"rate": chosen.soak_rate, "machine": machine})


def _or_failed(case: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {case: measure()}
    except ServerFailed as error:
        say(f"{case}: {error}")
        return {"failed": str(error)}


class Results:
    """results.json: by scenario the rounds that were measured last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def num_rounds(self, names: list[str]) -> int:
        """Return how many rounds there are of each of these scenarios, or of the one with most."""
        return max((len(self.content[name]["rounds"]) for name in names if name in self.content), default=0)

    def add(self, found: dict[str, Any], number: int, how: dict[str, Any]) -> None:
        """Add a round; the first one replaces what was there of its scenarios."""
        for name, figures in found.items():
            if number == 1 or name not in self.content:
                now = datetime.now(UTC).isoformat(timespec="minutes")
                self.content[name] = {"measured": now, **how, "rounds": []}
            self.content[name]["rounds"].append(figures)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self.content, indent=1) + "\n", encoding="utf-8")


def this_machine() -> dict[str, Any]:
    """Processor, cores and versions. Exits if the peers run the graphs on another onnxruntime than we do."""
    if not PEERS_PYTHON.exists():
        raise SystemExit(f"error: {PEERS_PYTHON} is missing; `make bench` makes the peers' environment")
    code = (
        "import json, sys, importlib.metadata as m; print(json.dumps({name: m.version(name) for name in sys.argv[1:]}))"
    )
    asked = subprocess.run([PEERS_PYTHON, "-c", code, *PEER_PACKAGES], check=True, stdout=subprocess.PIPE)
    peers = json.loads(asked.stdout)
    if peers["onnxruntime"] != (ours := version("onnxruntime")):
        raise SystemExit(f"error: our onnxruntime is {ours} and the peers' {peers['onnxruntime']}: nothing to compare")
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return {
        "cpu": models[0] if models else platform.machine(),
        "instructions": instruction_set(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "tessera": version("tessera"),
        **peers,
    }


def say(text: str, prefix: str = "") -> None:
    """One line of progress."""
    print(time.strftime("%H:%M:%S"), prefix + text, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    peers = tuple(family for family in FAMILIES if family != "ours")
    parser.add_argument(
        "--only", type=names_of(NAMES), default=list(NAMES), help=f"of {','.join(NAMES)}; or {GENERATION}"
    )
    parser.add_argument("--peers", type=names_of((*peers, "ours")), default=list(peers), help=f"of {','.join(peers)}")
    parser.add_argument("--rounds", type=int, default=5, help="each measures every server once")
    parser.add_argument("--more", action="store_true", help="add these rounds to those that were measured before")
    parser.add_argument("--seconds", type=float, default=4.0, help="of one load; open loops take twice as long")
    parser.add_argument("--soak-requests", type=int, default=100_000)
    parser.add_argument("--soak-rate", type=float, default=220.0, help="requests a second")
    parser.add_argument("--report-only", action="store_true", help="write the table and plots of what was measured")
    parser.add_argument(
        "--instructions",
        choices=INSTRUCTION_SETS,
        default=instruction_set(),
        help="with --report-only: of which processors; measured is what this one has",
    )
    chosen = parser.parse_args()
    if not chosen.report_only and chosen.instructions != instruction_set():
        parser.error(f"this processor has {instruction_set()}; figures of others are measured on others")
    return chosen


def names_of(known: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Return a reader of lists of these names with commas between them."""

    def split(given: str) -> list[str]:
        names = given.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
        return names

    return split


if __name__ == "__main__":
    sys.exit(main())
