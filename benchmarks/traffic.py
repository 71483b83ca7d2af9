"""The price of a rule on traffic: of choosing a version, in µs, and of a shadow, in what callers wait.

python -m benchmarks.traffic [--models models] [--rounds 7] [--seconds 4]

Two versions of one model, copied from MODELS, are asked from this process: through the engine alone, through the one
that divides traffic without a rule, with a canary of a half, and with a shadow of all requests. Each round has all of
them one after another, so that what disturbs the machine disturbs all alike; the medians over the rounds are printed
with their range. `choice` is measured on an engine that answers at once, and so is all that a rule adds to a request.
"""

import argparse
import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time
from typing import Any

from app.repository.repository import ModelRepository
from app.repository.traffic import CanaryRule, ShadowRule
from app.runtimes.options import RuntimeOptions
from app.serving.engine import Ask, Asker, HoldingEngine, Prediction, Served, Timing
from app.serving.local import LocalEngine
from app.serving.traffic import TrafficEngine
from app.tasks.text_classification import TextClassificationParameters, TextInput
from app.telemetry import Telemetry

MODEL, VIEW = "reviews-sentiment", "text-classification"
TEXT = TextInput(text="I expected to love it, but it broke after a day.")
ALONE, NO_RULE, CANARY, SHADOW = "no division", "without a rule", "canary of a half", "shadow of all"
AT_A_TIME = 4
CHOICES = 20_000


def two_versions(models: Path, root: Path) -> None:
    """Publish the newest version of the model as 1 and 2."""
    newest = max((models / MODEL).glob("[0-9]*"), key=lambda path: int(path.name))
    for version in (1, 2):
        folder = root / MODEL / str(version)
        shutil.copytree(newest, folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps({**manifest, "version": version}))


class AtOnce:
    """An engine that answers whatever it is asked at once: what is measured with it is the way there."""

    def __init__(self, served: dict[int, Served]) -> None:
        self._served = served
        self._answer = Prediction(MODEL, 1, [], Timing(0, 0, 0, 0, 0, 0))

    def find(self, name: str, version: int | None = None, asker: Asker | None = None) -> Served:
        return self._served[version or 1]

    async def predict(self, ask: Ask) -> Prediction:
        return self._answer

    async def pin(self, name: str, version: int) -> None: ...

    def __getattr__(self, name: str) -> Any:
        return lambda *args: True


async def ask(engine: Any, number: int) -> Prediction:
    """Ask as the API does."""
    asker = Asker(f"key {number}", str(number))
    served = engine.find(MODEL, None, asker)
    asked = Ask(
        MODEL, None, VIEW, [TEXT], TextClassificationParameters(), 30.0,
        caller=asker.caller, request_id=asker.request_id, read_for=served.forms[VIEW], chosen=served.manifest.version,
    )  # fmt: skip
    prediction: Prediction = await engine.predict(asked)
    return prediction


async def choice(engine: Any) -> float:
    """Seconds of this thread for a request that is answered at once."""
    started = thread_time()
    for number in range(CHOICES):
        await ask(engine, number)
    return (thread_time() - started) / CHOICES


async def load(engine: Any, seconds: float) -> tuple[float, float, float]:
    """Requests a second of a few callers that ask again and again, and the median and 99th percentile of a request."""
    end, took = perf_counter() + seconds, list[float]()

    async def caller(first: int) -> None:
        number = first
        while (started := perf_counter()) < end:
            await ask(engine, number)
            took.append(perf_counter() - started)
            number += AT_A_TIME

    await asyncio.gather(*map(caller, range(AT_A_TIME)))
    took.sort()
    return len(took) / seconds, took[len(took) // 2], took[len(took) * 99 // 100]


Setting = Callable[[TrafficEngine], Coroutine[Any, Any, None]]
SETTINGS: dict[str, Setting] = {
    NO_RULE: lambda engine: engine.divide(MODEL, "newest"),
    CANARY: lambda engine: engine.divide(MODEL, 1, CanaryRule(version=2, share=0.5)),
    SHADOW: lambda engine: engine.divide(MODEL, 1, shadow=ShadowRule(version=2)),
}


@asynccontextmanager
async def divided(engine: HoldingEngine, root: Path) -> AsyncIterator[TrafficEngine]:
    traffic = TrafficEngine(engine, ModelRepository(root), Telemetry())
    try:
        yield traffic
    finally:
        await traffic.divide(MODEL, "newest")


async def measure(models: Path, rounds: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, other = Path(folder, "models"), Path(folder, "rules")
        (other / MODEL).mkdir(parents=True)
        two_versions(models, root)
        options = RuntimeOptions(device="cpu", threads=2)
        engine = LocalEngine(ModelRepository(root), Telemetry(), options=options, num_threads=2)
        await engine.load()
        for version in (1, 2):
            await engine.pin(MODEL, version)
        choices: dict[str, list[float]] = {one: [] for one in (ALONE, *SETTINGS)}
        loads: dict[str, list[tuple[float, float, float]]] = {one: [] for one in (ALONE, *SETTINGS)}
        at_once: Any = AtOnce({version: engine.find(MODEL, version) for version in (1, 2)})
        async with divided(engine, root) as real, divided(at_once, other) as quick:
            await load(engine, 1.0)
            for _ in range(rounds):
                choices[ALONE].append(await choice(at_once))
                loads[ALONE].append(await load(engine, seconds))
                for name, setting in SETTINGS.items():
                    await setting(quick)
                    if name != SHADOW:  # whose copies would be counted, too
                        choices[name].append(await choice(quick))
                    await setting(real)
                    loads[name].append(await load(real, seconds))
            dropped = [one.agreement for one in real.traffic(MODEL).figures if one.agreement]
        await engine.stop()
    for name, found in choices.items():
        if found:
            print(f"choice, {name}: {told([1e6 * one for one in found], 'µs')}")
    for name, each in loads.items():
        rates, medians, slowest = zip(*each, strict=True)
        print(f"{AT_A_TIME} callers, {name}: {told(rates, 'requests/s')}")
        print(f"  median {told([1e3 * one for one in medians], 'ms')}")
        print(f"  99th percentile {told([1e3 * one for one in slowest], 'ms')}")
    print("the shadow in the last round:", *dropped)


def told(values: Any, unit: str) -> str:
    return f"{median(values):.1f} {unit} ({min(values):.1f} to {max(values):.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=4.0)
    given = parser.parse_args()
    asyncio.run(measure(given.models, given.rounds, given.seconds))


if __name__ == "__main__":
    main()
