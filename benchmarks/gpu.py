"""python -m benchmarks.gpu: what a card does for the service, in eight minutes; see benchmarks/README.md.

Each part runs in a process of its own, which a device that takes no more work ends, and which is then started again.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from benchmarks.on_gpu import table
from benchmarks.on_gpu.cells import OtherMachine, Results, forget_trying
from benchmarks.on_gpu.machine import Provider, described, onnx_fault, torch_fault
from benchmarks.on_gpu.sizes import FULL, TINY

PARTS = {"tests": 60, "images": 130, "texts": 110, "generation": 110, "served": 70}
"""By name: the share of the time that each has; what one leaves is for those after it."""
SECONDS = 480.0
GRACE_S = 20.0  # beyond its time, for the group that a part is at
MOST_STARTS = 6  # of one part
BENCHMARKS = Path(__file__).parent
WORK = Path("build/bench/gpu")
OUT = {
    "cuda": BENCHMARKS / "results" / "gpu",
    "cpu": Path("build/bench/gpu-trial"),
}  # a trial's are no figures of a card
FILE = "gpu.md"


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _chosen(arguments)
    if chosen.child:
        return _run_here(chosen)
    if not chosen.table:
        if (fault := torch_fault(chosen.provider)) and (other := onnx_fault(chosen.provider)):
            say(f"error: there is no card to measure: {fault}, and {other}; --provider cpu tries all but the card")
            return 1
        _run_parts(chosen)
    return _write_table(chosen.out)


def _run_parts(chosen: argparse.Namespace) -> None:
    until = time.monotonic() + chosen.seconds
    for number, name in enumerate(chosen.part):
        left = until - time.monotonic()
        share = left * PARTS[name] / sum(PARTS[other] for other in chosen.part[number:])
        if share <= 0:
            say(f"{name}: the time was up before")
            continue
        _run_part(name, chosen, time.monotonic() + share, until)


def _run_part(name: str, chosen: argparse.Namespace, end: float, until: float) -> None:
    file = chosen.out / f"{name}.json"
    for _ in range(MOST_STARTS):
        seconds = end - time.monotonic()
        if seconds <= 0:
            return
        words = ["--child", "--part", name, "--provider", chosen.provider, "--out", str(chosen.out)]
        words += ["--seconds", str(seconds), "--work", str(chosen.work), *(["--tiny"] if chosen.tiny else [])]
        child = subprocess.Popen([sys.executable, "-m", "benchmarks.gpu", *words])
        try:
            status = child.wait(max(1.0, min(seconds + GRACE_S, until + GRACE_S - time.monotonic())))
        except subprocess.TimeoutExpired:
            _end(child)
            forget_trying(file)
            say(f"{name}: cut off; what was done is kept")
            return
        except BaseException:  # Ctrl-C: what was being tried is not at fault
            _end(child)
            forget_trying(file)
            raise
        if status in (0, 2):  # 2: it was told why
            return
        say(f"{name}: its process ended with {status}, and is started again where it was")


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _run_here(chosen: argparse.Namespace) -> int:
    """One part in this process."""
    from benchmarks.on_gpu import marked_tests
    from benchmarks.on_gpu.part import measure
    from benchmarks.processes import end_on_sigterm

    end_on_sigterm()
    until = time.monotonic() + chosen.seconds
    (name,) = chosen.part
    sizes = TINY if chosen.tiny else FULL
    try:
        results = Results(chosen.out / f"{name}.json", described(chosen.provider, chosen.tiny))
    except OtherMachine as error:
        say(f"error: {error}")
        return 2
    folder = chosen.work / ("tiny" if chosen.tiny else "full")
    folder.mkdir(parents=True, exist_ok=True)
    if name == "tests":
        marked_tests.measure(results, folder, chosen.seconds, say)
        return 0
    part = part_of(name, sizes, chosen.provider, folder)
    try:
        measure(part, results, sizes, until, lambda text: say(f"{name}: {text}"))
    finally:
        if name == "served":
            part.close()
    return 0


def part_of(name: str, sizes: Any, provider: Provider, folder: Path) -> Any:
    if name == "generation":
        from benchmarks.on_gpu.generation import GenerationPart

        return GenerationPart(sizes, provider, folder)
    if name == "served":
        from benchmarks.on_gpu.served import ServedPart

        return ServedPart(sizes, provider, folder)
    from benchmarks.on_gpu import encoders

    return (encoders.images if name == "images" else encoders.texts)(sizes, provider, folder)


def _write_table(out: Path) -> int:
    parts = {name: out / f"{name}.json" for name in PARTS}
    found = {name: json.loads(file.read_text(encoding="utf-8")) for name, file in parts.items() if file.is_file()}
    if not found:
        say(f"{out} has nothing measured")
        return 1
    (out / FILE).write_text(table.text(found), encoding="utf-8")
    say(f"written: {out / FILE}")
    return 0


def say(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def _chosen(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="may be given more than once; all, if not")
    parser.add_argument("--provider", choices=get_args(Provider), default="cuda", help="cpu: a trial without a card")
    parser.add_argument("--tiny", action="store_true", help="tiny networks and few batches, as a trial")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for all parts together")
    parser.add_argument("--out", type=Path, help="folder of the results; what it has is not measured again")
    parser.add_argument("--work", type=Path, default=WORK, help="folder of graphs and models, made where they are not")
    parser.add_argument("--table", action="store_true", help="write the table of what is there, and measure nothing")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    chosen.part = chosen.part or list(PARTS)
    chosen.out = chosen.out or OUT[chosen.provider]
    return chosen


if __name__ == "__main__":
    sys.exit(main())
