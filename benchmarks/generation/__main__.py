"""python -m benchmarks.generation: measure how our service writes, beside others; see benchmarks/README.md."""

import argparse
import json
import os
import platform
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.__main__ import names_of, say
from benchmarks.generation import report, weights
from benchmarks.generation.asks import Asks
from benchmarks.generation.client import Client
from benchmarks.generation.loads import closed
from benchmarks.generation.running import running, tune
from benchmarks.generation.scenarios import BY_NAME, CLIENTS, NAMES, Terms, measure
from benchmarks.generation.servers import FAMILIES, OURS, SERVERS, Server
from benchmarks.generation.small import small_models
from benchmarks.generation.soak import measure_soak
from benchmarks.generation.weights import NotAvailable
from benchmarks.running import ServerFailed

RESULTS = Path(__file__).parents[1] / "results"
FIRST = (32, 16)  # tokens of the ask that each server must answer rightly before it is measured
WARM, WARM_ASKS = (64, 16), 10
SEED = 1

Found = dict[str, dict[str, Any]]
"""Figures by scenario."""


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    chosen = _chosen(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped on the way out
    weights.prepare(say)
    if not (chosen.models / weights.MODEL).is_dir():
        raise SystemExit(
            f"error: {chosen.models} has no {weights.MODEL}; `python -m training {weights.MODEL}` makes it"
        )
    servers = [server for server in SERVERS if server.family in chosen.peers or server is OURS]
    runs = [*(_written(chosen.out) if chosen.add else []), run := _heading(chosen, arguments)]
    if any(name in BY_NAME for name in chosen.only):
        tune(chosen.models, say)
        _measure_rounds(servers, chosen, run, lambda: _write(runs, chosen.out))
    if "soak" in chosen.only:
        run["rounds"]["soak"] = [{OURS.name: _soaked(chosen)}]
        _write(runs, chosen.out)
    say(f"written: {chosen.out / 'generation.md'}")
    return 0


def _measure_rounds(
    servers: Sequence[Server], chosen: argparse.Namespace, run: dict[str, Any], write: Callable[[], None]
) -> None:
    for number in range(1, chosen.rounds + 1):
        for server in servers:
            for name, figures in _measured(server, number, chosen).items():
                rounds = run["rounds"].setdefault(name, [])
                rounds.extend({} for _ in range(number - len(rounds)))
                rounds[-1][server.name] = figures
            write()


def _measured(server: Server, number: int, chosen: argparse.Namespace) -> Found:
    """The figures of one server in one round; why there are none stands in their place."""
    tell = partial(say, prefix=f"round {number}, {server.name}: ")
    names = [name for name in chosen.only if name in BY_NAME and (server is OURS or not BY_NAME[name].ours_only)]
    found: Found = {}
    try:
        first = Asks(weights.text(), seed=0).one(*FIRST)
        with running(server, chosen.models, first, tell) as one:
            _warm_up(one.client)
            for name in names:
                # Each scenario has asks of its own, the same for each server in a round, and others in the next round.
                asks = Asks(weights.text(), seed=SEED + 1000 * number + NAMES.index(name))
                found[name] = measure(BY_NAME[name], Terms(one.client, asks, chosen.size))
                tell(f"{name}: {_short(found[name])}")
    except (ServerFailed, NotAvailable, OSError) as error:
        tell(str(error))
        found |= {name: {"failed_to": str(error)} for name in names if name not in found}
    return found


def _soaked(chosen: argparse.Namespace) -> dict[str, Any]:
    """The figures of our service alone, with the small decoder unless the whole model was asked for."""
    tell = partial(say, prefix="soak: ")
    models = chosen.models if chosen.soak_model == "whole" else small_models(tell)
    tune(models, tell)
    asks = Asks(weights.text(), seed=SEED + NAMES.index("soak"))
    with running(OURS, models, asks.one(*FIRST), tell) as one:
        megabytes = max(graph.stat().st_size for graph in models.glob(f"{weights.MODEL}/*/model.onnx")) / 1e6
        return {"weights_mb": megabytes, **measure_soak(one, asks, chosen.soak_requests, tell)}


def _warm_up(client: Client) -> None:
    asks = Asks(weights.text(), seed=0).of(*WARM, WARM_ASKS)
    uvloop.run(closed(client, asks, CLIENTS))


def _short(figures: dict[str, Any]) -> str:
    shown = {name: value for name, value in figures.items() if isinstance(value, float)}
    return ", ".join(f"{name} {value:.4g}" for name, value in shown.items())


def _heading(chosen: argparse.Namespace, arguments: Sequence[str]) -> dict[str, Any]:
    return {
        "command": shlex.join(["python", "-m", "benchmarks.generation", *arguments]),
        "measured": datetime.now(UTC).isoformat(timespec="minutes"),
        "size": chosen.size,
        "is_disturbed": chosen.disturbed,
        "machine": _machine(),
        "rounds": {},
    }


def _machine() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        **{name: version(name) for name in ("tessera", "onnxruntime", "transformers", "torch")},
    }


def _written(folder: Path) -> list[dict[str, Any]]:
    file = folder / "generation.json"
    runs: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    return runs


def _write(runs: Sequence[dict[str, Any]], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "generation.json").write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")
    (folder / "generation.md").write_text(report.text(runs), encoding="utf-8")


def _chosen(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generation", description=__doc__)
    peers = tuple(family for family in FAMILIES if family != "ours")
    parser.add_argument("--only", type=names_of(NAMES), default=list(NAMES), help=f"of {','.join(NAMES)}")
    parser.add_argument("--peers", type=names_of((*peers, "ours")), default=list(peers), help=f"of {','.join(peers)}")
    parser.add_argument("--rounds", type=int, default=5, help="each measures every server once")
    parser.add_argument("--models", type=Path, default=Path("models"), help="the repository of our service")
    parser.add_argument("--size", type=float, default=1.0, help="of the loads; less than 1 is a trial")
    parser.add_argument("--disturbed", action="store_true", help="say in the report that other work ran beside it")
    parser.add_argument("--soak-requests", type=int, default=100_000)
    parser.add_argument(
        "--soak-model", choices=("small", "whole"), default="small", help="whole takes four hours (%(default)s)"
    )
    parser.add_argument(
        "--add", action="store_true", help="keep the runs that the report has: other peers, other loads"
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="the folder of the report")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
