"""python -m benchmarks.fleet.days [--only kill-one,…]: what becomes of requests when a part of a fleet dies or changes.

The service of `deploy.ray_serve` runs with small models in replicas, callers ask all the time what they know the
answers to, and then it happens. Exit status 1 if a request is lost, mixed or wrong where it must not be.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic

from app.repository.manifest import Manifest
from benchmarks.chaos.models import FOR_EVER, counting, doubled
from benchmarks.fleet.world import CALLERS, World, until
from benchmarks.processes import descendants, started

BEFORE_S = 3.0
FEW = 1000
SCALING = {
    "default": {"min_replicas": 2, "max_replicas": 2},
    "models": {"sole": {"min_replicas": 1, "max_replicas": 1}, "counting": {"min_replicas": 1, "max_replicas": 1}},
}


async def kill_one(world: World) -> tuple[bool, str]:
    with world.asking("doubled") as asked:
        await asyncio.sleep(BEFORE_S)
        before, killed = world.replicas("doubled"), monotonic()
        os.kill(before[0], signal.SIGKILL)
        back_s = await until(lambda: len(set(world.replicas("doubled"))) >= 2)
        await until(lambda: len(asked.told) >= FEW)
    silence = asked.silence_s(killed)
    return not asked.lost, f"{asked}; longest silence {silence:.2f} s; two replicas again after {back_s:.1f} s"


async def kill_sole(world: World) -> tuple[bool, str]:
    with world.asking("sole") as asked:
        await asyncio.sleep(BEFORE_S)
        killed, number = monotonic(), len(asked.told)
        os.kill(world.replicas("sole")[0], signal.SIGKILL)
        await until(lambda: len(asked.told) > number + 10 * CALLERS)
        await until(lambda: len(asked.told) >= FEW)
    return not asked.lost, f"{asked}; answers again after {asked.silence_s(killed):.1f} s"


async def hang_up(world: World) -> tuple[bool, str]:
    """Rows of some seconds are asked for and hung up on; then a quick one is asked for."""
    long = json.dumps({"inputs": [{"x": [3e7]}]})
    took = []
    for _ in range(5):
        asking = [asyncio.create_task(world.post("/v1/models/counting/predict", long)) for _ in range(8)]
        await asyncio.sleep(0.7)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        began = monotonic()
        status, _ = await world.post("/v1/models/counting/predict", json.dumps({"inputs": [{"x": [1.0]}]}))
        assert status == 200, status
        took.append(monotonic() - began)
    took.sort()
    return took[
        -1
    ] < 5, f"a quick row is answered {took[2]:.2f} s after 8 long ones were hung up on (worst {took[-1]:.2f})"


async def change(world: World) -> tuple[bool, str]:
    with world.asking("doubled") as asked:
        await asyncio.sleep(BEFORE_S)
        version = doubled(world.models, world.scratch, times=1 + max(asked.versions) + 1).version
        began = monotonic()
        status, body = await world.post("/v2/repository/models/doubled/load")
        took = monotonic() - began
        await until(lambda: asked.versions[version] > 200)
        await until(lambda: len(asked.told) >= FEW)
    answered = dict(sorted(asked.versions.items()))
    return (
        not asked.lost and status == 200,
        f"{asked}; by version {answered}; {took:.1f} s, longest silence {asked.silence_s(began):.2f} s; {body or ''}",
    )


async def never_ready(world: World) -> tuple[bool, str]:
    """A version has another answer than its golden example, and the next one hangs while it is loaded."""
    publishing: tuple[Callable[[], Manifest], ...] = (
        lambda: doubled(world.models, world.scratch, "sole", 9, golden=(1.0,)),
        lambda: counting(world.models, world.scratch, "sole", golden=(FOR_EVER,)),
    )
    said = []
    with world.asking("sole") as asked:
        for publish in publishing:
            version, before = publish().version, max(asked.versions, default=1)
            seen: set[int] = set()
            loading = asyncio.ensure_future(world.post("/v2/repository/models/sole/load"))
            while not loading.done():
                seen |= set(world.pids(f"{world.fleet}_sole_{version}_"))
                await asyncio.sleep(0.1)
            status, _ = loading.result()
            _, told = await world.get("/v1/models/sole")
            (reason,) = [one["reason"] for one in told["versions"] if one["version"] == version]
            gone_s = await until(partial(_none, world, f"{world.fleet}_sole_{version}_"))
            said.append(
                f"{reason!r} (load {status}, {len(seen)} processes, gone {gone_s:.0f} s later, answers: {before})"
            )
        await until(lambda: len(asked.told) >= FEW)
    return not asked.lost and len(asked.versions) == 1, f"{asked}; " + "; ".join(said)


def _none(world: World, title: str) -> bool:
    return not world.pids(title)


async def kill_keeper(world: World) -> tuple[bool, str]:
    with world.asking("doubled") as asked:
        await asyncio.sleep(BEFORE_S)
        before = world.pids("ray::Keeper")
        os.kill(before[0], signal.SIGKILL)
        back_s = await until(lambda: set(world.pids("ray::Keeper")) - set(before))
        version = doubled(world.models, world.scratch, times=max(asked.versions) + 2).version
        await until(lambda: _loads(world, "doubled"))
        await until(lambda: asked.versions[version] > 200)
        await until(lambda: len(asked.told) >= FEW)
    return not asked.lost, f"{asked}; there again after {back_s:.1f} s, and loads: {dict(asked.versions)}"


async def _loads(world: World, model: str) -> bool:
    status, _ = await world.post(f"/v2/repository/models/{model}/load")
    return status == 200


async def kill_controller(world: World) -> tuple[bool, str]:
    with world.asking("doubled") as asked:
        await asyncio.sleep(BEFORE_S)
        before = world.pids("ray::ServeController")
        os.kill(before[0], signal.SIGKILL)
        back_s = await until(lambda: set(world.pids("ray::ServeController")) - set(before))
        await asyncio.sleep(BEFORE_S)
        await until(lambda: len(asked.told) >= FEW)
    return not asked.lost, f"{asked}; there again after {back_s:.1f} s"


async def kill_head(world: World) -> tuple[bool, str]:
    """The end of everything, so it comes last: it is told, and nothing is asked of it."""
    with world.asking("doubled") as asked:
        await asyncio.sleep(BEFORE_S)
        killed = monotonic()
        os.kill(_descendant("gcs_server"), signal.SIGKILL)
        await until(lambda: len(asked.lost) > 0, 90)
        await asyncio.sleep(5)
    first = min((end for _, end, what in asked.told if what != "right"), default=None)
    said = f"the first failure {first - killed:.0f} s later" if first else "no failure within 90 s"
    return True, f"{asked}; {said}"


def _descendant(name: str) -> int:
    """Return the process of this run that runs a program of that name."""
    (pid,) = [one for one in descendants() if name.encode() in Path(f"/proc/{one}/cmdline").read_bytes()]
    return pid


DAYS: dict[str, Callable[[World], Awaitable[tuple[bool, str]]]] = {
    "kill-one": kill_one,
    "kill-sole": kill_sole,
    "hang-up": hang_up,
    "change": change,
    "never-ready": never_ready,
    "kill-keeper": kill_keeper,
    "kill-controller": kill_controller,
    "kill-head": kill_head,
}


async def live(world: World, only: list[str]) -> bool:
    ready_s = await until(lambda: _is_ready(world))
    print(f"ready after {ready_s:.0f} s", flush=True)
    is_well = True
    for name in only:
        try:
            passed, said = await DAYS[name](world)
        except (AssertionError, TimeoutError, IndexError, ValueError) as error:
            passed, said = False, repr(error)
        is_well &= passed
        print(f"{'ok  ' if passed else 'FAIL'} {name}: {said}", flush=True)
    return is_well


async def _is_ready(world: World) -> bool:
    with suppress(OSError):
        status, _ = await world.get("/health/ready")
        return status == 200
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(DAYS), help="some of %(default)s")
    parser.add_argument("--port", type=int, default=8169)
    chosen = parser.parse_args()
    fleet = f"days-{os.getpid()}"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which ends the service, too
    with tempfile.TemporaryDirectory() as folder:
        models, scratch = Path(folder, "models"), Path(folder, "scratch")
        for path in (models, scratch):
            path.mkdir()
        doubled(models, scratch)
        doubled(models, scratch, "sole")
        counting(models, scratch)
        Path(folder, "scaling.json").write_text(json.dumps(SCALING))
        settings = {
            "TESSERA_MODELS_DIR": str(models),
            "TESSERA_RAY_FILE": str(Path(folder, "scaling.json")),
            "TESSERA_RAY_FLEET": fleet,
            "TESSERA_PORT": str(chosen.port),
            "TESSERA_DEVICE": "cpu",
            "TESSERA_LOAD_TIMEOUT_S": "10",
            "TESSERA_REQUIRED_MODELS": "doubled,sole,counting",
            "TESSERA_LOG_REQUESTS": "0",
        }
        command = [sys.executable, "-m", "deploy.ray_serve", "serve"]
        with (
            Path(tempfile.gettempdir(), "fleet-days.log").open("wb") as log,
            started(command, settings, sorted(os.sched_getaffinity(0)), log),
        ):
            world = World(chosen.port, fleet, models, scratch)
            return 0 if asyncio.run(live(world, chosen.only.split(","))) else 1


if __name__ == "__main__":
    sys.exit(main())
