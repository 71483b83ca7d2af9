"""The service as a process of its own, the callers beside it, and what a fault may do to them."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any

import httpx

from benchmarks.chaos import models
from benchmarks.chaos.steady import Outcome, Question
from benchmarks.processes import free_port

START_S = 120.0
RATE = 40.0  # requests a second: a machine with two cores is half idle


class Skipped(Exception):
    """This machine cannot do that; the message is a plain line that says why."""


class Broken(Exception):
    """Something besides the answers is not as it should be."""


@dataclass
class World:
    """A repository and the service over it. `door_closed` is when a fault told the service to end."""

    folder: Path
    entry: Sequence[str] = ("-m", "app")
    settings: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[int, int] = field(default_factory=dict)
    stderr: Callable[[Path], IO[bytes] | int] = lambda folder: (folder / "log").open("ab")
    door_closed: float | None = None

    def __post_init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.models = self.folder / "models"
        self.http = httpx.Client(base_url=self.url, timeout=60)

    def start(self) -> None:
        environment = {"TESSERA_MODELS_DIR": str(self.models), "TESSERA_DEVICE": "cpu", **self.settings}
        output = self.stderr(self.folder)
        self.process = subprocess.Popen(
            [sys.executable, *self.entry, "serve", "--port", str(self.port)],
            env={**os.environ, **environment},
            stderr=output,
            preexec_fn=self._limit if self.limits else None,
        )
        if not isinstance(output, int):
            output.close()

    def _limit(self) -> None:
        for which, most in self.limits.items():
            resource.setrlimit(which, (most, most))

    def wait_until_ready(self, within_s: float = START_S) -> None:
        until = monotonic() + within_s
        while monotonic() < until:
            if self.process.poll() is not None:
                raise Broken(f"the service ended with {self.process.returncode}; {self.folder / 'log'} says why")
            with suppress(httpx.TransportError):
                if self.http.get("/health/ready").status_code == 200:
                    return
            sleep(0.05)
        raise Broken(f"the service was not ready within {within_s:.0f} s")

    def signal(self, number: signal.Signals) -> None:
        if number in (signal.SIGTERM, signal.SIGKILL):
            self.door_closed = monotonic()
        self.process.send_signal(number)

    def ended(self, within_s: float) -> tuple[int, float]:
        """Return the exit status and the seconds until it came. Raises Broken if it does not come in time."""
        started = monotonic()
        try:
            return self.process.wait(within_s), monotonic() - started
        except subprocess.TimeoutExpired:
            raise Broken(f"the process did not end within {within_s:.0f} s") from None

    def load(self, model: str) -> httpx.Response:
        return self.http.post(f"/v1/models/{model}/load")

    def ask(self, model: str, *rows: float, deadline_ms: int = 30_000) -> httpx.Response:
        """Ask one of our small models whose rows are numbers."""
        body = {"inputs": [{"x": [row]} for row in rows]}
        return self.http.post(
            f"/v1/models/{model}/predict", json=body, headers={"X-Request-Timeout-Ms": str(deadline_ms)}
        )

    def close(self) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


def require(holds: bool, what: str) -> None:
    """Raises Broken, which says what does not hold."""
    if not holds:
        raise Broken(what)


def publish_all(world: World, names: Sequence[str]) -> list[str]:
    """Publish these of our models; return the names of those that callers will ask."""
    scratch = world.folder / "scratch"
    scratch.mkdir()
    world.models.mkdir()
    for name in names:
        match name:
            case "counting":
                models.counting(world.models, scratch)
            case "brightness":
                models.brightness(world.models, scratch)
            case "picky":
                models.picky(world.models, scratch)
            case _:
                models.doubled(world.models, scratch, name)
    return [*(name for name in names if name != "brightness"), *filter(None, [models.real(world.models)])]


TEXTS = (
    "What a good film.", "Utterly dull, and far too long.", "Fine.",
    "The plot is thin, but the actors are wonderful and the music stays with you for days.",
    "I expected to love it, but it broke after a day, and nobody answers my letters.",
)  # fmt: skip


def bodies(name: str) -> list[Any]:
    """Inputs for a model, by its name."""
    if name == models.REAL:
        return [[text] for text in TEXTS] + [list(TEXTS)]
    if name in ("counting", "picky"):
        return [[{"x": [float(i)]}] for i in range(1, 6)] + [[{"x": [float(i)]} for i in range(5)]]
    return [[{"x": [i, i + 0.5, -i]}] for i in range(1, 6)] + [[{"x": [i, 0, 1]} for i in range(5)]]


def known_answers(world: World, names: Sequence[str]) -> list[Question]:
    """Every question with its answer while the service has nothing else to do; those of our own models are checked."""
    found = []
    for name in names:
        for inputs in bodies(name):
            body = json.dumps({"inputs": inputs})
            answer = world.http.post(f"/v1/models/{name}/predict", content=body)
            require(answer.status_code == 200, f"{name} answers {answer.status_code} before any fault: {answer.text}")
            outputs = answer.json()["outputs"]
            if name not in (models.REAL, "counting", "picky"):
                doubled = [{"y": [2 * number for number in item["x"]]} for item in inputs]
                require(outputs == doubled, f"{name} answers {outputs} before any fault, and {doubled} is right")
            found.append(Question(name, body, outputs))
    return [one for i in range(6) for one in found[i::6]]  # the models in turn


@contextmanager
def steady_load(world: World, questions: Sequence[Question], rate: float = RATE) -> Iterator[Path]:
    """Callers ask for as long as this lasts; yields the file of their outcomes, which is complete afterwards."""
    asked, out = world.folder / "questions.json", world.folder / "outcomes.jsonl"
    asked.write_text(json.dumps([asdict(one) for one in questions]))
    command = [sys.executable, "-m", "benchmarks.chaos.steady", str(world.port), str(asked), str(out), str(rate)]
    callers = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert callers.stdin
    try:
        yield out
    finally:
        callers.stdin.close()
        try:
            callers.wait(90)
        except subprocess.TimeoutExpired:
            callers.kill()
            callers.wait()


def outcomes_of(out: Path) -> list[Outcome]:
    if not out.exists():
        return []
    lines = out.read_text().splitlines(keepends=True)
    return [Outcome(**json.loads(line)) for line in lines if line.endswith("\n")]


def wait_for_calm(out: Path, since: float, seconds: float = 1.5, within_s: float = 60.0) -> None:
    """Wait until all that was asked in the last `seconds`, and after `since`, was answered rightly. Raises Broken."""
    until = monotonic() + within_s
    while monotonic() < until:
        sleep(0.25)
        now = monotonic()
        recent = [one for one in outcomes_of(out) if one.done > max(since, now - seconds)]
        if now - since >= seconds and len(recent) > 10 and all(one.kind == "right" for one in recent):
            return
    raise Broken(f"there are no right answers {within_s:.0f} s after the fault")
