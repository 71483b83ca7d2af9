"""python -m benchmarks.chaos: what becomes of those who ask rightly while something goes wrong.

For each fault the real service is started over small models (and a real one, if it is there), callers in another
process ask forty times a second what they know the answers to, and then it happens. Every answer is compared. Exit
status 1 if a request that was admitted is lost, or an answer is wrong.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from resource import RLIMIT_FSIZE, RLIMIT_NOFILE
from time import monotonic, sleep
from typing import IO

from benchmarks.chaos import disk, ending, inputs, machine
from benchmarks.chaos.verdict import Verdict, judge
from benchmarks.chaos.world import (
    Broken,
    Skipped,
    World,
    known_answers,
    outcomes_of,
    publish_all,
    steady_load,
    wait_for_calm,
)

CALM_S = 1.5


def log_file(folder: Path) -> IO[bytes]:
    return (folder / "log").open("ab")


@dataclass(frozen=True, slots=True)
class Fault:
    """`happens` makes it, and returns what there is to say; callers ask `models` meanwhile, and a real one.

    `pauses`: callers wait while it happens, since no single process can answer then. `by_name` faults take long, and
    run only if they are named.
    """

    happens: Callable[[World], str]
    models: Sequence[str] = ("doubled",)
    settings: Mapping[str, str] = field(default_factory=dict)
    entry: Sequence[str] = ("-m", "app")
    limits: Mapping[int, int] = field(default_factory=dict)
    stderr: Callable[[Path], IO[bytes] | int] = log_file
    pauses: bool = False
    by_name: bool = False


DRAIN = {"TESSERA_DRAIN_TIMEOUT_S": str(ending.DRAIN_S)}
LOAD = {"TESSERA_LOAD_TIMEOUT_S": "6"}
FAULTS = {
    "poison-rows": Fault(inputs.poison_rows, ("doubled", "picky")),
    "hang-ups": Fault(inputs.hang_ups, ("doubled", "counting")),
    "hanging-kernels": Fault(inputs.hanging_kernels, ("doubled", "counting")),
    "worker-death": Fault(inputs.worker_death, ("doubled", "mortal"), entry=("-m", "benchmarks.chaos.mortal")),
    "hanging-loads": Fault(disk.hanging_loads, ("doubled", "counting"), LOAD),
    "switches": Fault(disk.switches),
    "killed-publishing": Fault(disk.killed_while_publishing),
    "killed-loading": Fault(disk.killed_while_loading, pauses=True),
    "sigterm": Fault(ending.terminated, settings=DRAIN),
    "sigterm-amid-all": Fault(ending.terminated_amid_all, ("doubled", "counting"), DRAIN),
    "stop-cont": Fault(machine.stopped),
    "blocked-log": Fault(machine.blocked_log, ("doubled", "picky"), stderr=machine.unread_pipe),
    "full-disk": Fault(
        machine.full_disk,
        ("doubled", "brightness"),
        limits={RLIMIT_FSIZE: machine.MOST_BYTES},
        stderr=machine.full_device,
    ),
    "no-descriptors": Fault(machine.no_descriptors, limits={RLIMIT_NOFILE: machine.MOST_DESCRIPTORS}),
    "stop-1000": Fault(ending.many_models, settings=DRAIN, by_name=True, pauses=True),
}
HEADER = f"{'fault':<18} {'requests':>8} {'lost':>5} {'wrong':>5} {'refused':>7} {'slowest':>27} {'recovered':>9}"


def run(fault: Fault, folder: Path) -> tuple[Verdict, str]:
    """Raises Skipped and Broken."""
    world = World(folder, fault.entry, fault.settings, fault.limits, fault.stderr)
    asked = publish_all(world, fault.models)
    world.start()
    try:
        world.wait_until_ready()
        questions = known_answers(world, asked)
        if fault.pauses:
            began = monotonic()
            note = fault.happens(world)
            if world.process.poll() is not None:
                return Verdict(1, 0, 0, 0, 0.0, "", 0.0, ()), note
        with steady_load(world, questions) as out:
            sleep(CALM_S)
            if not fault.pauses:
                began = monotonic()
                note = fault.happens(world)
            wait_for_calm(out, monotonic())
        return judge(outcomes_of(out), began, world.door_closed), note
    finally:
        world.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--only", type=lambda given: given.split(","), help=f"of {','.join(FAULTS)}")
    parser.add_argument("--keep", action="store_true", help="keep the folders with models, logs and outcomes")
    chosen = parser.parse_args()
    names = chosen.only or [name for name, fault in FAULTS.items() if not fault.by_name]
    if unknown := [name for name in names if name not in FAULTS]:
        parser.error(f"unknown: {', '.join(unknown)}; there are: {', '.join(FAULTS)}")
    print(HEADER, flush=True)
    bad = [name for name in names if not passed(name, chosen.keep)]
    print(
        f"{len(names) - len(bad)} of {len(names)} faults cost nobody an answer"
        + (f"; not: {', '.join(bad)}" if bad else "")
    )
    return 1 if bad else 0


def passed(name: str, keep: bool) -> bool:
    """Run one fault and print its line; say whether nobody lost an answer."""
    folder = Path(tempfile.mkdtemp(prefix=f"tessera-chaos-{name}-"))
    try:
        verdict, note = run(FAULTS[name], folder)
    except Skipped as reason:
        print(f"{name:<18} skipped: {reason}", flush=True)
        return True
    except Broken as error:
        print(f"{name:<18} BROKEN: {error}", flush=True)
        return False
    finally:
        if keep:
            print(f"  {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(
        f"{name:<18} {verdict.requests:>8} {verdict.lost:>5} {verdict.wrong:>5} {verdict.refused:>7} "
        f"{verdict.slowest:>18} {verdict.slowest_s:>6.2f} s {verdict.recovered_s:>7.2f} s  {note}",
        flush=True,
    )
    for why in verdict.reasons[:5]:
        print(f"{'':<18} {why}")
    return verdict.is_good


if __name__ == "__main__":
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    sys.exit(main())
